"""Settings: names, defaults, masks, and the one sentence that each mistake gets."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connect_canary.config.environment import read_environment, with_defaults
from connect_canary.config.problems import SettingsError, abbreviated_repr, did_you_mean, display_name, problem_message
from connect_canary.config.settings import BY_KEY, PREFIX, SETTINGS
from connect_canary.config.sources.schemes import is_reference
from connect_canary.config.values import Value, is_encodable, new_value
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.secret import Secret
from connect_canary.model.target import AuthMode, AuthorizerPlacement, Expect
from tests.unit.factories import ENDPOINT, environment, pem, plan_of, private_key, problems_of, target_of

# The interface, as its users read it: variable, default.
INTERFACE = {
    "CANARY_NAME": "",
    "CANARY_ENDPOINT": "",
    "CANARY_ALLOWED_ENDPOINTS": "",
    "CANARY_SIGNING_REGION": "",
    "CANARY_AUTH_MODE": "sigv4",
    "CANARY_MQTT_VERSION": "5",
    "CANARY_CLIENT_ID_PREFIX": "test-",
    "CANARY_CLIENT_ID": "",
    "CANARY_CA_FILE": "",
    "CANARY_TIMEOUT_SECONDS": "10",
    "CANARY_CONFIRM_AFTER_SECONDS": "0",
    "CANARY_EXPECT": "connect",
    "CANARY_ACCESS_KEY_ID": "",
    "CANARY_SECRET_ACCESS_KEY": "",
    "CANARY_SESSION_TOKEN": "",
    "CANARY_AUTHORIZER_NAME": "",
    "CANARY_AUTHORIZER_USERNAME": "",
    "CANARY_AUTHORIZER_PASSWORD": "",
    "CANARY_AUTHORIZER_TOKEN_KEY_NAME": "",
    "CANARY_AUTHORIZER_TOKEN_VALUE": "",
    "CANARY_AUTHORIZER_TOKEN_SIGNATURE": "",
    "CANARY_AUTHORIZER_SIGNING_KEY": "",
    "CANARY_AUTHORIZER_PLACEMENT": "username",
    "CANARY_TARGETS": "",
    "CANARY_MAX_CONCURRENT_CONNECTS": "100",
    "CANARY_HEARTBEAT_URL": "",
}
SECRETS = {
    "CANARY_ACCESS_KEY_ID",
    "CANARY_SECRET_ACCESS_KEY",
    "CANARY_SESSION_TOKEN",
    "CANARY_AUTHORIZER_PASSWORD",
    "CANARY_AUTHORIZER_TOKEN_VALUE",
    "CANARY_AUTHORIZER_TOKEN_SIGNATURE",
    "CANARY_AUTHORIZER_SIGNING_KEY",
    "CANARY_HEARTBEAT_URL",
}
STATIC = {"auth_mode": "sigv4-static", "access_key_id": "AKID", "secret_access_key": "SECRET"}
SIGNED = {
    "auth_mode": "custom-signed",
    "authorizer_token_key_name": "token",
    "authorizer_token_value": "value",
    "authorizer_token_signature": "c2ln",
}
MOST_BYTES = "allowed: at most {} bytes of user name, fields and password"
UNSIGNED = {"auth_mode": "custom-unsigned"}
ONE_SIGNATURE = (
    "exactly one of authorizer_token_signature and authorizer_signing_key is needed with auth_mode custom-signed"
)
LEGACY = (
    "this legacy name shows a certificate that clients no longer trust; allowed: the -ats name "
    "(aws iot describe-endpoint --endpoint-type iot:Data-ATS) or a custom domain"
)
NO_SCHEME = "allowed: host or host:port without a scheme (no https://, no wss://, no mqtts://)"
NO_PATH = "allowed: host or host:port without a path; the path is always /mqtt"
KEY = "allowed: an RSA private key in PEM without passphrase"
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
VALUE_ALONE = "allowed: the value alone, without a name and = before it"
NO_QUOTES = "allowed: the value without quotes around it"
NO_SPACES = "allowed: base64 without spaces inside; perhaps a + was decoded to a space"
PORT = "allowed: a port from 1 to 65535 after the host"
SECONDS = "allowed: seconds above 0, at most 300"
HEARTBEAT = "allowed: https://host[:port][/path][?query]"
CONFIRM_SECONDS = "allowed: seconds from 0 to 300"
# Settings over a complete environment, and the only sentence about them.
BAD: dict[str, tuple[dict[str, str], str]] = {
    "name": ({"name": "a b"}, "CANARY_NAME is 'a b'; allowed: 1 to 128 of A-Z a-z 0-9 _ . -"),
    "name-long": (
        {"name": "n" * 129},
        f"CANARY_NAME is '{'n' * 79}...; allowed: 1 to 128 of A-Z a-z 0-9 _ . -",
    ),
    "concurrent-none": (
        {"max_concurrent_connects": "0"},
        "CANARY_MAX_CONCURRENT_CONNECTS is '0'; allowed: a whole number from 1 to 1000",
    ),
    "concurrent-many": (
        {"max_concurrent_connects": "1001"},
        "CANARY_MAX_CONCURRENT_CONNECTS is '1001'; allowed: a whole number from 1 to 1000",
    ),
    "concurrent-words": (
        {"max_concurrent_connects": "many"},
        "CANARY_MAX_CONCURRENT_CONNECTS is 'many'; allowed: a whole number from 1 to 1000",
    ),
    "scheme-mqtts": ({"endpoint": f"mqtts://{ENDPOINT}"}, f"CANARY_ENDPOINT is 'mqtts://{ENDPOINT}'; {NO_SCHEME}"),
    "slash": (
        {"endpoint": f"{ENDPOINT}:443/"},
        f"CANARY_ENDPOINT is '{ENDPOINT}:443/'; allowed: host or host:port without a slash at the end",
    ),
    "dot": (
        {"endpoint": f"{ENDPOINT}."},
        f"CANARY_ENDPOINT is '{ENDPOINT}.'; allowed: host or host:port without a dot at the end of the host",
    ),
    "dot-before-a-port": (
        {"endpoint": f"{ENDPOINT}.:443"},
        f"CANARY_ENDPOINT is '{ENDPOINT}.:443'; allowed: host or host:port without a dot at the end of the host",
    ),
    "quotes": ({"endpoint": f"'{ENDPOINT}'"}, f"CANARY_ENDPOINT is \"'{ENDPOINT}'\"; {NO_QUOTES}"),
    "quotes-around-a-choice": ({"auth_mode": '"sigv4"'}, f"CANARY_AUTH_MODE is '\"sigv4\"'; {NO_QUOTES}"),
    "quotes-around-a-secret": (
        {**STATIC, "secret_access_key": " 'hidden' "},
        f"CANARY_SECRET_ACCESS_KEY is '***'; {NO_QUOTES}",
    ),
    "curly-single-quotes": (
        {"authorizer_name": "\u2018n\u2019"},
        f"CANARY_AUTHORIZER_NAME is '\u2018n\u2019'; {NO_QUOTES}",
    ),
    "backticks": ({"authorizer_name": "`n`"}, f"CANARY_AUTHORIZER_NAME is '`n`'; {NO_QUOTES}"),
    "curly-quotes": ({"authorizer_name": "\u201cn\u201d"}, f"CANARY_AUTHORIZER_NAME is '\u201cn\u201d'; {NO_QUOTES}"),
    "export": (
        {"endpoint": f"export X={ENDPOINT}"},
        f"CANARY_ENDPOINT is 'export X={ENDPOINT}'; {VALUE_ALONE}",
    ),
    "own-variable": (
        {**UNSIGNED, "authorizer_password": "CANARY_AUTHORIZER_PASSWORD=hidden"},
        f"CANARY_AUTHORIZER_PASSWORD is '***'; {VALUE_ALONE}",
    ),
    "variable-of-aws": (
        {**STATIC, "access_key_id": "aws_access_key_id = AKIA"},
        f"CANARY_ACCESS_KEY_ID is '***'; {VALUE_ALONE}",
    ),
    "signature-with-a-space": (
        {**SIGNED, "authorizer_token_signature": "ab c/"},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {NO_SPACES}",
    ),
    "signature-with-a-space-in-a-line": (
        {**SIGNED, "authorizer_token_signature": "abcd\nabcd ab="},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {NO_SPACES}",
    ),
    "signature-whose-last-part-is-longer": (
        {**SIGNED, "authorizer_token_signature": "abcd abcdabcd"},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {NO_SPACES}",
    ),
    "signature-with-a-space-and-no-base64": (
        {**SIGNED, "authorizer_token_signature": "abcd ab\x80="},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {NO_SPACES}",
    ),
    "signature-of-uneven-parts": (
        {**SIGNED, "authorizer_token_signature": "abcdabcd abcd abcdabcd"},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {NO_SPACES}",
    ),
    "scheme": ({"endpoint": f"https://{ENDPOINT}"}, f"CANARY_ENDPOINT is 'https://{ENDPOINT}'; {NO_SCHEME}"),
    "scheme-wss": (
        {"endpoint": f"wss://{ENDPOINT}/mqtt"},
        f"CANARY_ENDPOINT is 'wss://{ENDPOINT}/mqtt'; {NO_SCHEME}",
    ),
    "path": ({"endpoint": "iot.example.com/mqtt"}, f"CANARY_ENDPOINT is 'iot.example.com/mqtt'; {NO_PATH}"),
    "query": ({"endpoint": "iot.example.com?a=b"}, f"CANARY_ENDPOINT is 'iot.example.com?a=b'; {NO_PATH}"),
    "host": ({"endpoint": "iot example.com"}, "CANARY_ENDPOINT is 'iot example.com'; allowed: host or host:port"),
    "host-empty": ({"endpoint": ":443"}, "CANARY_ENDPOINT is ':443'; allowed: host or host:port"),
    "host-long": (
        {"endpoint": ".".join(["a" * 63] * 4)},
        f"CANARY_ENDPOINT is '{'a' * 63}.{'a' * 15}...; allowed: a host of at most 253 characters",
    ),
    "port-none": ({"endpoint": "iot.example.com:0"}, f"CANARY_ENDPOINT is 'iot.example.com:0'; {PORT}"),
    "port-high": ({"endpoint": "iot.example.com:65536"}, f"CANARY_ENDPOINT is 'iot.example.com:65536'; {PORT}"),
    "port-word": ({"endpoint": "iot.example.com:mqtt"}, f"CANARY_ENDPOINT is 'iot.example.com:mqtt'; {PORT}"),
    "port-missing": ({"endpoint": "iot.example.com:"}, f"CANARY_ENDPOINT is 'iot.example.com:'; {PORT}"),
    "legacy": (
        {"endpoint": "abc.iot.eu-west-1.amazonaws.com"},
        f"CANARY_ENDPOINT is 'abc.iot.eu-west-1.amazonaws.com'; {LEGACY}",
    ),
    "credentials-provider": (
        {"endpoint": "abc.credentials.iot.eu-west-1.amazonaws.com"},
        (
            "CANARY_ENDPOINT is 'abc.credentials.iot.eu-west-1.amazonaws.com'; "
            "this is the credentials provider; allowed: the iot:Data-ATS endpoint"
        ),
    ),
    "region-static": (
        {**STATIC, "signing_region": "ireland"},
        "CANARY_SIGNING_REGION is 'ireland'; allowed: a region such as eu-west-1 (default: AWS_REGION)",
    ),
    "region": (
        {"signing_region": "ireland"},
        "CANARY_SIGNING_REGION is 'ireland'; allowed: a region such as eu-west-1 (default: AWS_REGION)",
    ),
    "mode": (
        {"auth_mode": "iam"},
        "CANARY_AUTH_MODE is 'iam'; allowed: sigv4, sigv4-static, custom-unsigned, custom-signed",
    ),
    "version": ({"mqtt_version": "4"}, "CANARY_MQTT_VERSION is '4'; allowed: 5, 3.1.1"),
    "expect": ({"expect": "deny"}, "CANARY_EXPECT is 'deny'; allowed: connect, refuse"),
    "placement": (
        {"authorizer_placement": "body"},
        "CANARY_AUTHORIZER_PLACEMENT is 'body'; allowed: username, headers, query",
    ),
    "prefix-long": (
        {"client_id_prefix": "p" * 113},
        (
            f"CANARY_CLIENT_ID_PREFIX is '{'p' * 79}...; allowed: at most 128 bytes of UTF-8 together with the "
            "target's name and the suffix; this makes 129"
        ),
    ),
    "prefix-control": (
        {"client_id_prefix": "a\tb"},
        "CANARY_CLIENT_ID_PREFIX is 'a\\tb'; allowed: no control characters",
    ),
    "client-id-long": (
        {"client_id": "ü" * 65},
        f"CANARY_CLIENT_ID is '{'ü' * 65}'; allowed: at most 128 bytes of UTF-8; this makes 130",
    ),
    "client-id-control": ({"client_id": "a\x7fb"}, "CANARY_CLIENT_ID is 'a\\x7fb'; allowed: no control characters"),
    "ca-file": (
        {"ca_file": "/nowhere/ca.pem"},
        "CANARY_CA_FILE is '/nowhere/ca.pem'; allowed: a file that can be read (No such file or directory)",
    ),
    "ca-file-directory": (
        {"ca_file": "/"},
        "CANARY_CA_FILE is '/'; allowed: a file that can be read (Is a directory)",
    ),
    "ca-file-other": (
        {"ca_file": "/dev/null"},
        "CANARY_CA_FILE is '/dev/null'; allowed: a file that can be read (it is no regular file)",
    ),
    "ca-file-text": (
        {"ca_file": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        "CANARY_CA_FILE is PEM text; allowed: a bundle of certificates in PEM",
    ),
    **{
        f"heartbeat-{name}": ({"heartbeat_url": url}, f"CANARY_HEARTBEAT_URL is '***'; {HEARTBEAT}")
        for name, url in {
            "http": "http://hc.example/hidden",
            "host": "hc.example/hidden",
            "hostless": "https:///hidden",
            "user": "https://user:hidden@hc.example/",
            "port": "https://hc.example:65536/hidden",
            "port-none": "https://hc.example:0",
            "space": "https://hc.example/hid den",
            "line": "https://hc.example/hid\nden",
            "accent": "https://hc.example/h\u00eddden",
        }.items()
    },
    "confirm-negative": (
        {"confirm_after_seconds": "-1"},
        f"CANARY_CONFIRM_AFTER_SECONDS is '-1'; {CONFIRM_SECONDS}",
    ),
    "confirm-late": (
        {"confirm_after_seconds": "301"},
        f"CANARY_CONFIRM_AFTER_SECONDS is '301'; {CONFIRM_SECONDS}",
    ),
    "confirm-word": (
        {"confirm_after_seconds": "later"},
        f"CANARY_CONFIRM_AFTER_SECONDS is 'later'; {CONFIRM_SECONDS}",
    ),
    "confirm-nan": ({"confirm_after_seconds": "nan"}, f"CANARY_CONFIRM_AFTER_SECONDS is 'nan'; {CONFIRM_SECONDS}"),
    "timeout-none": ({"timeout_seconds": "0"}, f"CANARY_TIMEOUT_SECONDS is '0'; {SECONDS}"),
    "timeout-long": ({"timeout_seconds": "301"}, f"CANARY_TIMEOUT_SECONDS is '301'; {SECONDS}"),
    "timeout-word": ({"timeout_seconds": "soon"}, f"CANARY_TIMEOUT_SECONDS is 'soon'; {SECONDS}"),
    "timeout-nan": ({"timeout_seconds": "nan"}, f"CANARY_TIMEOUT_SECONDS is 'nan'; {SECONDS}"),
    "timeout-endless": ({"timeout_seconds": "inf"}, f"CANARY_TIMEOUT_SECONDS is 'inf'; {SECONDS}"),
    "access-key": (
        {**STATIC, "access_key_id": ""},
        "CANARY_ACCESS_KEY_ID is not set; it is needed with auth_mode sigv4-static",
    ),
    "secret-key": (
        {**STATIC, "secret_access_key": " "},
        "CANARY_SECRET_ACCESS_KEY is not set; it is needed with auth_mode sigv4-static",
    ),
    "password": (
        {"auth_mode": "custom-unsigned", "authorizer_password": "base64:a"},
        "CANARY_AUTHORIZER_PASSWORD is '***'; allowed: valid base64 after 'base64:'",
    ),
    "password-ascii": (
        {"auth_mode": "custom-unsigned", "authorizer_password": "base64:é==="},
        "CANARY_AUTHORIZER_PASSWORD is '***'; allowed: valid base64 after 'base64:'",
    ),
    "token-key-name": (
        {**SIGNED, "authorizer_token_key_name": ""},
        "CANARY_AUTHORIZER_TOKEN_KEY_NAME is not set; it is needed with auth_mode custom-signed",
    ),
    "token-value": (
        {**SIGNED, "authorizer_token_value": ""},
        "CANARY_AUTHORIZER_TOKEN_VALUE is not set; it is needed with auth_mode custom-signed",
    ),
    "signature-none": (
        {**SIGNED, "authorizer_token_signature": ""},
        f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is not set; {ONE_SIGNATURE}",
    ),
    "header-name": (
        {**SIGNED, "authorizer_placement": "headers", "authorizer_token_key_name": "my token"},
        "CANARY_AUTHORIZER_TOKEN_KEY_NAME is 'my token'; allowed: a header's name with authorizer_placement headers",
    ),
    "header-value": (
        {**SIGNED, "authorizer_placement": "headers", "authorizer_token_value": "a\r\nX-Other: b"},
        "CANARY_AUTHORIZER_TOKEN_VALUE is '***'; allowed: no control characters with authorizer_placement headers",
    ),
    "header-value-encoded": (
        {**SIGNED, "authorizer_placement": "headers", "authorizer_name": "a%0D%0AX-Other:b"},
        (
            "CANARY_AUTHORIZER_NAME is 'a%0D%0AX-Other:b'; "
            "allowed: no control characters with authorizer_placement headers"
        ),
    ),
    "header-signature-encoded": (
        {**SIGNED, "authorizer_placement": "headers", "authorizer_token_signature": "c2ln\n%0D%0AX-Other:b"},
        "CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; allowed: no control characters with authorizer_placement headers",
    ),
    "client-id-noncharacter": (
        {"client_id": "a\uffff"},
        "CANARY_CLIENT_ID is 'a\\uffff'; allowed: no control characters",
    ),
    "client-id-noncharacter-before-the-last": (
        {"client_id": "a\ufffe"},
        "CANARY_CLIENT_ID is 'a\\ufffe'; allowed: no control characters",
    ),
    "client-id-noncharacter-of-the-last-plane": (
        {"client_id": "a\U0010fffe"},
        "CANARY_CLIENT_ID is 'a\\U0010fffe'; allowed: no control characters",
    ),
    "prefix-control-of-latin-1": (
        {"client_id_prefix": "a\x85b"},
        "CANARY_CLIENT_ID_PREFIX is 'a\\x85b'; allowed: no control characters",
    ),
    "username-control": (
        {**UNSIGNED, "authorizer_username": "a\x00b"},
        "CANARY_AUTHORIZER_USERNAME is 'a\\x00b'; allowed: no control characters",
    ),
    "username-long": (
        {**UNSIGNED, "authorizer_username": "ü" * 32768},
        f"CANARY_AUTHORIZER_USERNAME is '{'ü' * 79}...; allowed: at most 65535 bytes of UTF-8",
    ),
    "password-long": (
        {**UNSIGNED, "authorizer_password": "p" * 65536},
        "CANARY_AUTHORIZER_PASSWORD is '***'; allowed: at most 65535 bytes",
    ),
    "username-long-with-token": (
        {**SIGNED, "authorizer_username": "u" * 4000, "authorizer_token_value": "ü" * 11000},
        f"CANARY_AUTHORIZER_TOKEN_VALUE is '***'; {MOST_BYTES.format(65535)}; this makes 70045",
    ),
    "username-long-with-name": (
        {**UNSIGNED, "authorizer_username": "u" * 65520, "authorizer_name": "a"},
        f"CANARY_AUTHORIZER_USERNAME is '{'u' * 79}...; {MOST_BYTES.format(65535)}; this makes 65550",
    ),
    "authorizer-name-long": (
        {**UNSIGNED, "authorizer_name": "a" * 70000},
        f"CANARY_AUTHORIZER_NAME is '{'a' * 79}...; {MOST_BYTES.format(65535)}; this makes 70029",
    ),
    "password-long-in-3.1.1": (
        {**UNSIGNED, "mqtt_version": "3.1.1", "authorizer_username": "u", "authorizer_password": "p" * 16236},
        f"CANARY_AUTHORIZER_PASSWORD is '***'; {MOST_BYTES.format(16236)}; this makes 16237",
    ),
    "token-long-in-3.1.1": (
        {**SIGNED, "mqtt_version": "3.1.1", "authorizer_token_value": "t" * 20000},
        f"CANARY_AUTHORIZER_TOKEN_VALUE is '***'; {MOST_BYTES.format(16236)}; this makes 20045",
    ),
    "access-key-of-two-lines": (
        {**STATIC, "access_key_id": "AKIA\nnext"},
        "CANARY_ACCESS_KEY_ID is '***'; allowed: no control characters, such as line ends",
    ),
    "secret-key-of-two-lines": (
        {**STATIC, "secret_access_key": "s\nt"},
        "CANARY_SECRET_ACCESS_KEY is '***'; allowed: no control characters, such as line ends",
    ),
    "signing-key": (
        {**SIGNED, "authorizer_token_signature": "", "authorizer_signing_key": "no key"},
        f"CANARY_AUTHORIZER_SIGNING_KEY is '***'; that is no PEM; {KEY}",
    ),
    "signing-key-certificate": (
        {**SIGNED, "authorizer_token_signature": "", "authorizer_signing_key": CERTIFICATE},
        f"CANARY_AUTHORIZER_SIGNING_KEY is '***'; that is a certificate; {KEY}",
    ),
    "signing-key-public": (
        {**SIGNED, "authorizer_token_signature": "", "authorizer_signing_key": PUBLIC_KEY},
        f"CANARY_AUTHORIZER_SIGNING_KEY is '***'; that is a public key; {KEY}",
    ),
    "signing-key-sealed": (
        {
            **SIGNED,
            "authorizer_token_signature": "",
            "authorizer_signing_key": pem(private_key(), passphrase=b"x"),
        },
        f"CANARY_AUTHORIZER_SIGNING_KEY is '***'; that is a private key with a passphrase; {KEY}",
    ),
    "surrogate": (
        {"authorizer_name": "a\udc80"},
        "CANARY_AUTHORIZER_NAME is 'a\\udc80'; allowed: text in UTF-8",
    ),
    "surrogate-secret": (
        {"authorizer_password": "hidden\udc80"},
        "CANARY_AUTHORIZER_PASSWORD is '***'; allowed: text in UTF-8",
    ),
    "unknown": ({"endpoind": "x"}, "CANARY_ENDPOIND is not a setting; did you mean CANARY_ENDPOINT?"),
}


def test_settings_are_those_of_the_interface() -> None:
    """Variables, defaults and secrets are exactly those that users were promised."""
    assert {setting.variable: setting.default for setting in SETTINGS} == INTERFACE
    assert {setting.variable for setting in SETTINGS if setting.secret} == SECRETS


def test_settings_choices_are_closed_sets() -> None:
    """The settings with choices list every member of their enumeration, and their default is one."""
    choices = {setting.key: setting.choices for setting in SETTINGS if setting.choices}
    assert choices == {
        "auth_mode": tuple(AuthMode),
        "mqtt_version": tuple(MqttVersion),
        "expect": tuple(Expect),
        "authorizer_placement": tuple(AuthorizerPlacement),
    }
    assert all(setting.default in setting.choices for setting in SETTINGS if setting.choices)


def test_settings_keys_are_variables_without_prefix() -> None:
    """One name leads to the other, and each has its words for people."""
    assert all(setting.variable == PREFIX + setting.key.upper() for setting in SETTINGS)
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help and "\n" not in setting.help for setting in SETTINGS)


def test_defaults_make_a_whole_target() -> None:
    """With nothing but an endpoint and a region set, every other value is the interface's default."""
    target = target_of()
    assert (target.name, target.endpoint, target.signing_region) == ("default", f"{ENDPOINT}:443", "eu-west-1")
    assert (target.auth_mode, target.mqtt_version) == (AuthMode.SIGV4, MqttVersion.V5)
    assert (target.client_id_prefix, target.client_id, target.ca_file) == ("test-", "", "")
    assert (target.timeout_seconds, target.confirm_after_seconds) == (10.0, 0.0)
    assert target.expect is Expect.CONNECT
    assert target.authorizer_placement is AuthorizerPlacement.USERNAME
    assert target.secret_access_key is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"endpoint": "iot.example.com:8443"}, {"endpoint": "iot.example.com:8443"}),
        ({"endpoint": "localhost:1"}, {"endpoint": "localhost:1"}),
        ({"signing_region": "us-gov-west-1"}, {"signing_region": "us-gov-west-1"}),
        ({"mqtt_version": "3.1.1"}, {"mqtt_version": "3.1.1"}),
        ({"client_id_prefix": "lab-"}, {"client_id_prefix": "lab-"}),
        ({"client_id": "test-one"}, {"client_id": "test-one"}),
        ({"timeout_seconds": "2.5"}, {"timeout_seconds": 2.5}),
        ({"confirm_after_seconds": "20"}, {"confirm_after_seconds": 20.0}),
        ({"expect": "refuse"}, {"expect": "refuse"}),
        ({**STATIC, "session_token": "t"}, {"auth_mode": "sigv4-static", "session_token": "***"}),
        ({"auth_mode": "custom-unsigned", "authorizer_name": "a"}, {"authorizer_name": "a"}),
        ({"auth_mode": "custom-unsigned", "authorizer_username": "u"}, {"authorizer_username": "u"}),
        ({"auth_mode": "custom-unsigned", "authorizer_password": "p"}, {"authorizer_password": "***"}),
        ({**SIGNED, "authorizer_placement": "query"}, {"authorizer_placement": "query"}),
    ],
)
def test_setting_reaches_the_target(settings: dict[str, str], expected: dict[str, object]) -> None:
    """A variable's value appears in the target, secrets as asterisks."""
    assert target_of(**settings).as_dict().items() >= expected.items()


def test_signature_of_several_lines_can_be_a_header() -> None:
    """Its line ends, as tools that encode base64 write them, are not sent."""
    signed = {**SIGNED, "authorizer_token_signature": "c2ln\nbmF0dXJl\n"}
    assert problems_of(**signed, authorizer_placement="headers") == ()


@pytest.mark.parametrize(("settings", "sentence"), BAD.values(), ids=BAD)
def test_bad_setting_gets_one_sentence(settings: dict[str, str], sentence: str) -> None:
    """The sentence names the variable, its value (masked when secret) and what is allowed; there is no other."""
    assert problems_of(**settings) == (sentence,)


@pytest.mark.parametrize("signature", ["c2ln bmF0 dXJl", "c2lnbmF0 dXI=", " c2lnbmF0dXJl ", "c2ln\nbm\n\nF0\ndXJl"])
def test_wrapped_signature_is_joined(signature: str) -> None:
    """Shells and --parameter-overrides put spaces in the place of its line ends."""
    assert problems_of(**{**SIGNED, "authorizer_token_signature": signature}) == ()


@pytest.mark.parametrize("text", ["'quoted'", '"quoted"', "a=b", "TOKEN=x", "export x"])
def test_free_text_may_look_pasted(text: str) -> None:
    """A password or a user name may have quotes, and an equals sign."""
    assert problems_of(**{**UNSIGNED, "authorizer_username": text, "authorizer_password": text}) == ()


def test_signature_and_key_together_are_refused() -> None:
    """A token is signed beforehand or at every run, not both."""
    (sentence,) = problems_of(**SIGNED, authorizer_signing_key="-----BEGIN")
    assert sentence == f"CANARY_AUTHORIZER_TOKEN_SIGNATURE is '***'; {ONE_SIGNATURE}"


def test_all_problems_come_at_once() -> None:
    """All problems are reported together."""
    problems = problems_of(
        nmae="x", name="a b", endpoint="a/b", auth_mode="x", mqtt_version="x", expect="x", timeout_seconds="x"
    )
    starts = [sentence.split(" is ")[0] for sentence in problems]
    assert starts == [
        "CANARY_NMAE",
        "CANARY_NAME",
        "CANARY_ENDPOINT",
        "CANARY_AUTH_MODE",
        "CANARY_MQTT_VERSION",
        "CANARY_EXPECT",
        "CANARY_TIMEOUT_SECONDS",
    ]


def test_region_unset_is_taken_from_the_endpoint() -> None:
    """Without AWS_REGION an AWS endpoint's name contains its region; other names do not."""
    environ = environment()
    del environ["AWS_REGION"]
    assert plan_of().planned[0].target.signing_region == "eu-west-1"
    assert with_defaults({}, signing_region="")["signing_region"].text == ""
    values, problems = read_environment(environ)
    assert set(values) == {"endpoint"}
    assert not problems


def test_region_is_not_needed_without_sigv4() -> None:
    """A custom authorizer needs no region, but DescribeEndpoint does."""
    assert problems_of(auth_mode="custom-unsigned", signing_region="nowhere") == ()
    assert problems_of(auth_mode="custom-unsigned", signing_region="EU-CENTRAL-1", endpoint="") == (
        "CANARY_SIGNING_REGION is 'EU-CENTRAL-1'; allowed: a region such as eu-west-1 (default: AWS_REGION)",
    )


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("CANARY_ENDPOIN", "did you mean CANARY_ENDPOINT?"),
        ("canary_auth_mode", "did you mean CANARY_AUTH_MODE?"),
        ("x" * 10_000, f"allowed: {', '.join(INTERFACE)}"),
    ],
)
def test_did_you_mean_names_the_nearest(word: str, suggestion: str) -> None:
    """A misspelt name gets the nearest one, a foreign one the list."""
    assert did_you_mean(word, INTERFACE) == suggestion


def test_did_you_mean_with_many_names_stays_short() -> None:
    """A thousand targets do not make a sentence of a thousand names."""
    assert did_you_mean("other", [f"target-{n}" for n in range(1000)]).endswith("target-29, ...")


def test_variable_in_other_case_is_not_a_setting() -> None:
    """Lambda's variables are case sensitive, and so are ours."""
    _, problems = read_environment({"CANARY_endpoint": "x"})
    assert problems == ["CANARY_endpoint is not a setting; did you mean CANARY_ENDPOINT?"]


@pytest.mark.parametrize(
    ("text", "expected"), [("ssm:/a", True), ("secretsmanager:a#b", True), ("ssm:", False), ("ssm: a", False)]
)
def test_reference_is_told_by_its_prefix(text: str, *, expected: bool) -> None:
    """Only what names something is a reference."""
    assert is_reference(text) is expected


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    """Secrets keep theirs, because a password may have some; a reference to one never has."""
    plain, secret = BY_KEY["endpoint"], BY_KEY["authorizer_password"]
    assert [new_value(plain, text, "X").text for text in (" a\n", " ")] == ["a", ""]
    assert [new_value(secret, text, "X").reveal() for text in (" a\n", " ", " ssm:/a\n")] == [" a\n", "", "ssm:/a"]


def test_problem_masks_what_was_read_from_elsewhere() -> None:
    """A reference may point at the wrong secret by mistake, so nothing that came from one is shown."""
    fetched = Value(text="hidden", origin="CANARY_ENDPOINT (from ssm:/a)", referenced=True)
    assert problem_message(fetched, "allowed: x") == "CANARY_ENDPOINT (from ssm:/a) is '***'; allowed: x"


def test_problem_shows_the_reference_of_a_secret() -> None:
    """The reference to a secret is not masked."""
    value = Value(text="ssm:/a", origin="X")
    assert problem_message(value, "allowed: y") == "X is 'ssm:/a'; allowed: y"


def test_settings_error_says_everything_once() -> None:
    """The same sentence from two targets is one sentence."""
    error = SettingsError(["a", "b", "a"])
    assert error.problems == ("a", "b")
    assert str(error) == "a; b"


def test_secret_shows_asterisks_in_every_form() -> None:
    """Printing, formatting and nesting a secret shows nothing of it."""
    secret = Secret("hidden")
    assert {str(secret), repr(secret), f"{secret}", f"{[secret]!r}"} == {"***", "[***]"}
    assert secret.reveal() == "hidden"
    assert secret == Secret("hidden")
    assert secret != Secret("other")
    assert secret != "hidden"
    assert len({secret, Secret("hidden")}) == 1
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_value_does_not_show_its_text() -> None:
    """A value may be a secret that is not classified yet."""
    assert repr(Value(text="hidden", origin="X")) == (
        "Value(secret=None, origin='X', referenced=False, from_secret=False, author=<Author.DEPLOYER: 1>)"
    )


@given(st.text())
@example("\ud800")
@example("x" * 1000)
def test_quoted_text_is_printable_and_short(text: str) -> None:
    """A sentence about any value is one printable line."""
    for result in (abbreviated_repr(text), display_name(text)):
        assert len(result) <= 83
        assert result.isprintable()
        assert is_encodable(result)


@given(st.text())
def test_text_is_what_utf8_can_carry(text: str) -> None:
    """The rule agrees with encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_encodable(text)
    else:
        assert is_encodable(text)


@given(st.dictionaries(st.sampled_from([*INTERFACE, "CANARY_OTHER", "CANARY_"]), st.text(), max_size=8))
def test_environment_with_any_text_is_read(environ: dict[str, str]) -> None:
    """Every variable either gives a value or a sentence, or is as good as unset; nothing raises."""
    values, problems = read_environment(environ)
    settings = {variable for variable in environ if variable in INTERFACE}
    unset = {variable for variable in settings if not environ[variable].strip()}
    assert len(values) + len(problems) == len(environ) - len(unset)
    assert {value.origin for value in values.values()} <= settings


@pytest.mark.parametrize("password", ["base64:YWJj*", "base64:YW Jj", "base64:YWJ"])
def test_binary_password_holds_nothing_but_base64(password: str) -> None:
    """Other characters are not skipped, and padding is not optional."""
    problem = "CANARY_AUTHORIZER_PASSWORD is '***'; allowed: valid base64 after 'base64:'"
    assert problems_of(auth_mode="custom-unsigned", authorizer_password=password) == (problem,)


def test_white_space_around_a_value_is_dropped_unless_it_is_secret() -> None:
    """A document with secrets in it is no secret of its own, so it is stripped too."""
    assert [new_value(BY_KEY[key], " x\n", "here").reveal() for key in ("endpoint", "targets", "session_token")] == [
        "x",
        "x",
        " x\n",
    ]
