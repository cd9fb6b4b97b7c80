"""The settings: one table of their names, defaults, help and secrecy."""

from collections.abc import Mapping
from dataclasses import dataclass

from connect_canary.model.target import AuthMode, AuthorizerPlacement, Expect, MqttVersion

PREFIX = "CANARY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its key in a targets document, which is its variable without the prefix in lower case."""

    key: str
    help: str
    default: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    canary_wide: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.key.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting(key="name", help="this canary; metric dimension Canary", canary_wide=True),
    Setting(key="endpoint", help="host or host:port; empty: ask iot:DescribeEndpoint"),
    Setting(key="signing_region", help="region to sign for; default AWS_REGION"),
    Setting(key="auth_mode", help="how the client authenticates", default=AuthMode.SIGV4, choices=tuple(AuthMode)),
    Setting(key="mqtt_version", help="MQTT protocol version", default=MqttVersion.V5, choices=tuple(MqttVersion)),
    Setting(key="client_id_prefix", help="client id: prefix, target, random suffix", default="test-"),
    Setting(key="client_id", help="exactly this client id instead"),
    Setting(key="ca_file", help="PEM bundle to trust instead of the system's: a path, or the PEM text"),
    Setting(key="timeout_seconds", help="deadline of one target in seconds", default="10"),
    Setting(key="expect", help="what a healthy target does", default=Expect.CONNECT, choices=tuple(Expect)),
    Setting(key="access_key_id", help="static credentials", secret=True),
    Setting(key="secret_access_key", help="static credentials", secret=True),
    Setting(key="session_token", help="static credentials", secret=True),
    Setting(key="authorizer_name", help="custom authorizer; empty: the endpoint's default one"),
    Setting(key="authorizer_username", help="passed to the authorizer"),
    Setting(key="authorizer_password", help="passed to the authorizer; base64:... is binary", secret=True),
    Setting(key="authorizer_token_key_name", help="name under which the token travels"),
    Setting(key="authorizer_token_value", help="the token", secret=True),
    Setting(key="authorizer_token_signature", help="the token's signature, base64", secret=True),
    Setting(key="authorizer_signing_key", help="RSA private key (PEM) that signs the token at every run", secret=True),
    Setting(
        key="authorizer_placement",
        help="where the authorizer's fields travel",
        default=AuthorizerPlacement.USERNAME,
        choices=tuple(AuthorizerPlacement),
    ),
    Setting(key="targets", help="many targets: a JSON document, or a reference to one", canary_wide=True),
    Setting(
        key="max_concurrent_connects",
        help="how many targets connect at the same time",
        default="100",
        canary_wide=True,
    ),
)
BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}
TARGET_SETTINGS: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if not setting.canary_wide)
TARGET_KEYS = tuple(setting.key for setting in TARGET_SETTINGS)
