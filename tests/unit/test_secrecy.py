"""No secret in any output: marked secrets in every place that takes one, and a search of all output."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import pytest

from connect_canary.config.settings import BY_KEY, SETTINGS
from connect_canary.run import plan_run
from tests.unit.factories import REGION, document, environment, pem, plan_or_problems, private_key
from tests.unit.fake_aws import FakeAws
from tests.unit.handler_process import HandlerRun, closed_port, invoke

MARK = "HiddenMark"
ROLE = {"AWS_ACCESS_KEY_ID": f"AKID{MARK}", "AWS_SECRET_ACCESS_KEY": f"role{MARK}", "AWS_SESSION_TOKEN": MARK * 3}
KEY = pem(private_key())
MARKED = {setting.key: f"{MARK} {setting.key}/+=" for setting in SETTINGS if setting.secret and not setting.is_global}
# Nothing listens there, so that a record tells of it.
HEARTBEAT = {"heartbeat_url": f"https://{MARK}.localhost:1/{MARK}/ping?{MARK}"}
# A signature has no spaces inside.
SECRETS = {
    **MARKED,
    "authorizer_signing_key": KEY,
    "authorizer_token_signature": f"{MARK}authorizer_token_signature/+=",
}
# One target a mode, all of them with every secret that their mode may have.
MODES: dict[str, dict[str, str]] = {
    "sigv4": {},
    "sigv4-static": {},
    "custom-unsigned": {},
    "custom-signed": {"authorizer_signing_key": "", "authorizer_token_key_name": "token"},
    "custom-signed-here": {
        "auth_mode": "custom-signed",
        "authorizer_token_signature": "",
        "authorizer_token_key_name": "token",
    },
}


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An endpoint that refuses TCP."""
    with closed_port() as endpoint:
        yield endpoint


def _forms(secret: str) -> set[str]:
    """Return the ways in which a secret could be written."""
    return {secret, quote(secret, safe=""), b64encode(secret.encode()).decode().rstrip("="), json.dumps(secret)[1:-1]}


def _assert_hidden(output: str) -> None:
    """Search for every marked secret, and for the key's own lines."""
    for secret in [MARK, *SECRETS.values(), *KEY.splitlines()[1:-1]]:
        assert not [form for form in _forms(secret) if form in output]


def _search_run(environ: Mapping[str, str], *events: object) -> HandlerRun:
    """Invoke with all debug output switched on, and search the output."""
    talkative = {"POWERTOOLS_LOG_LEVEL": "DEBUG", "PYTHONASYNCIODEBUG": "1", "AWS_REGION": REGION}
    run = invoke({**talkative, **ROLE, **environ}, *events)
    _assert_hidden(run.output + run.errors)
    return run


def _environment(endpoint: str, **settings: str) -> dict[str, str]:
    values = {"endpoint": endpoint, **SECRETS, **HEARTBEAT, **settings}
    return {f"CANARY_{key.upper()}": value for key, value in values.items() if value}


def _targets() -> str:
    versions = ("5", "3.1.1")
    return document(
        *(
            {"name": f"{name}-{version}", "auth_mode": name, "mqtt_version": version, **SECRETS, **settings}
            for name, settings in MODES.items()
            for version in versions
        )
    )


@pytest.mark.parametrize("placement", ["username", "headers", "query"])
def test_failed_connects_of_every_mode_tell_no_secret(endpoint: str, placement: str) -> None:
    """Secrets from a document, in both versions: metrics, records, return value."""
    run = _search_run({**_environment(endpoint, authorizer_placement=placement), "CANARY_TARGETS": _targets()})
    assert [target["failure"] for target in run.responses[0]["targets"]] == ["TcpRefused"] * 10


@pytest.mark.parametrize("mode", MODES)
def test_secrets_in_variables_are_not_told(endpoint: str, mode: str) -> None:
    """A run and a dry run of each mode."""
    settings = {"auth_mode": mode, **MODES[mode]}
    run = _search_run(_environment(endpoint, **settings), {}, {"dry_run": True})
    assert [response.get("dry_run", False) for response in run.responses] == [False, True]
    assert [record["message"] for record in run.records][-1] == "heartbeat failed"


def _referring(kind: str) -> dict[str, str]:
    """Return settings whose secrets, or whose targets, are references of one kind."""
    if kind == "document":
        return {"targets": "ssm:/targets"}
    signed = {"auth_mode": "custom-signed", "authorizer_token_key_name": "token"}
    if kind == "parameters":
        return {**signed, **{key: f"ssm:/{key}" for key in SECRETS | HEARTBEAT}, "authorizer_signing_key": ""}
    return {
        **signed,
        **{key: f"secretsmanager:all#{key}" for key in SECRETS | HEARTBEAT},
        "authorizer_token_signature": "",
    }


@pytest.mark.parametrize("kind", ["parameters", "keys of a secret", "document"])
def test_secrets_behind_references_are_not_told(aws: FakeAws, endpoint: str, kind: str) -> None:
    """From parameters, from keys of a secret, and from a document that is a reference itself."""
    aws.parameters = {f"/{key}": value for key, value in (SECRETS | HEARTBEAT).items()} | {"/targets": _targets()}
    aws.secrets = {"all": json.dumps(SECRETS | HEARTBEAT)}
    where = {"AWS_ENDPOINT_URL_SSM": aws.url, "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.url}
    run = _search_run({**where, **_environment(endpoint, **_referring(kind))}, {}, {"dry_run": True})
    assert len(run.responses) == 2


BAD: dict[str, dict[str, str]] = {
    "password": {"authorizer_password": f"base64:{MARK}é"},
    "password-surrogate": {"authorizer_password": f"{MARK}\udc80"},
    "key": {"auth_mode": "custom-signed", "authorizer_signing_key": f"-----BEGIN PRIVATE KEY-----\n{MARK}"},
    "key-sealed": {"authorizer_signing_key": pem(private_key(), passphrase=MARK.encode())},
    "header": {"authorizer_placement": "headers", "authorizer_token_value": f"{MARK}\r\nX: y"},
    "both": {"auth_mode": "custom-signed", "authorizer_signing_key": KEY},
    "bundle": {"ca_file": f"-----BEGIN CERTIFICATE-----\n{MARK}\n-----END CERTIFICATE-----"},
    "bundle-key": {"ca_file": KEY},
    "signature": {"auth_mode": "custom-signed", "authorizer_token_signature": f"{MARK} {MARK}"},
    "key-certificate": {"authorizer_signing_key": f"-----BEGIN CERTIFICATE-----\n{MARK}\n-----END CERTIFICATE-----"},
    "quoted": {"auth_mode": "sigv4-static", "access_key_id": f"'{MARK}'"},
    "exported": {"authorizer_password": f"export CANARY_AUTHORIZER_PASSWORD={MARK}"},
    "missing": {"auth_mode": "sigv4-static", "access_key_id": ""},
    "document": {"targets": '{"targets": [' + MARK},
    "document-name": {"targets": document({"name": {"authorizer_password": MARK}})},
    "document-secrets": {
        "targets": document({"name": "a", **SECRETS, "auth_mode": "x", "authorizer_password": [MARK]})
    },
    "document-string": {"targets": json.dumps(MARK)},
}


@pytest.mark.parametrize("settings", BAD.values(), ids=BAD)
def test_bad_settings_are_refused_without_their_secrets(endpoint: str, settings: dict[str, str]) -> None:
    """The sentences, the record, the exception and its traceback."""
    run = _search_run(_environment(endpoint, **settings))
    assert run.raised
    assert len(run.raised[0]) > 1
    assert "SettingsError" in run.errors


@pytest.mark.parametrize("key", sorted(set(BY_KEY) - {"targets"}))
def test_reference_to_the_wrong_secret_does_not_tell_it(aws: FakeAws, key: str) -> None:
    """Whatever setting it was meant for: a secret with an invalid value is masked."""
    aws.secrets = {"wrong": f"{MARK} \n"}
    environ = {f"CANARY_{key.upper()}": "secretsmanager:wrong"}
    around = {"CANARY_ENDPOINT": "127.0.0.1:1", "AWS_REGION": REGION}
    _, sentences = plan_or_problems({}, {**around, **environ})
    _assert_hidden(" ".join(sentences))


@pytest.mark.parametrize("reference", ["secretsmanager:text#key", "secretsmanager:binary", "secretsmanager:json#key"])
@pytest.mark.parametrize("key", ["authorizer_password", "targets"])
def test_secret_that_cannot_be_read_is_not_told(aws: FakeAws, endpoint: str, key: str, reference: str) -> None:
    """The problem is reported without the value, also in the traceback."""
    aws.secrets = {"text": MARK, "binary": f"{MARK}ÿ".encode("latin-1"), "json": json.dumps({"other": MARK})}
    environ = _environment(endpoint, **{key: reference})
    run = _search_run({**environ, "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.url})
    assert run.raised[0][1].startswith(f"CANARY_{key.upper()} refers to {reference}: the secret ")


@pytest.mark.parametrize("key", ["text", "json"])
def test_document_that_is_a_wrong_secret_is_not_told(aws: FakeAws, endpoint: str, key: str) -> None:
    """Neither as text nor as JSON of another kind."""
    aws.secrets = {"text": MARK, "json": json.dumps({"password": MARK})}
    environ = _environment(endpoint, targets=f"secretsmanager:{key}")
    run = _search_run({**environ, "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.url})
    assert run.raised[0][0] == "SettingsError"


def test_egress_proxys_password_is_not_told(endpoint: str) -> None:
    """A proxy that refuses is named without it."""
    environ = _environment(endpoint, auth_mode="custom-unsigned")
    run = _search_run(
        {**environ, "HTTPS_PROXY": f"http://user:{MARK}@{endpoint}", "CANARY_ENDPOINT": "iot.example.com"}
    )
    (target,) = run.responses[0]["targets"]
    assert target["failure"] == "ProxyUnreachable"


@pytest.mark.parametrize("url", [f"http://user:{MARK}@ho℀st", f"http://user:{MARK}@[::1", f"socks5://user:{MARK}@host"])
def test_password_of_an_unusable_egress_proxy_is_not_told(endpoint: str, url: str) -> None:
    """Whatever is wrong with the URL."""
    run = _search_run({**_environment(endpoint, auth_mode="custom-unsigned"), "HTTPS_PROXY": url})
    assert run.raised == [["SettingsError", "HTTPS_PROXY is '***'; allowed: http://[user:password@]host[:port]"]]


def test_plan_and_its_parts_show_no_secret() -> None:
    """A debugger, an assertion or a log line may print any of them."""
    environ = {**environment(targets=_targets(), **HEARTBEAT), "HTTPS_PROXY": f"http://user:{MARK}@proxy.test"}
    plan = plan_run({}, environ)
    assert len(plan.planned) == 10
    for planned in plan.planned:
        _assert_hidden(f"{plan!r} {planned!s} {planned.values!r} {planned.target!r} {planned.target.as_dict()}")


@pytest.mark.parametrize("form", sorted(_forms(SECRETS["authorizer_password"])))
def test_search_finds_a_secret_in_each_of_its_forms(form: str) -> None:
    """A search that finds nothing proves nothing unless it could find something."""
    with pytest.raises(AssertionError):
        _assert_hidden(f"password={form};")
