"""The settings: one table of their names, defaults, help, groups and secrecy."""

from collections.abc import Mapping
from enum import StrEnum

from connect_canary.model.frozen import frozen
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.target import AuthMode, AuthorizerPlacement, Expect

PREFIX = "CANARY_"


class Group(StrEnum):
    """The group under which help and reference list a setting."""

    CLIENT = "endpoint and client"
    AWS = "AWS credentials (auth_mode sigv4 and sigv4-static)"
    AUTHORIZER = "custom authorizer (auth_mode custom-unsigned and custom-signed)"
    RUN = "this canary, and many targets"


@frozen
class Setting:
    """One setting: `key` is its name in a targets document, and of its variable and flag.

    `metavar` stands for its value in the help. A `secret` is always masked; one that `may_hold_secrets` is a document
    with secrets in it. An `is_global` setting is the canary's, every other one a target's.
    """

    key: str
    help: str
    group: Group
    metavar: str = ""
    default: str = ""
    enum: type[StrEnum] | None = None
    secret: bool = False
    may_hold_secrets: bool = False
    is_global: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.key.upper()

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values, empty if it is no closed set."""
        return tuple(self.enum) if self.enum else ()


SETTINGS: tuple[Setting, ...] = (
    Setting(
        key="name", help="this canary's name; metric dimension Canary", group=Group.RUN, metavar="NAME", is_global=True
    ),
    Setting(
        key="endpoint",
        help="host or host:port; empty: ask iot:DescribeEndpoint",
        group=Group.CLIENT,
        metavar="HOST[:PORT]",
    ),
    Setting(
        key="allowed_endpoints",
        help="hosts that a targets document may name if it is read from a reference; *.domain for a domain",
        group=Group.RUN,
        metavar="HOSTS",
        is_global=True,
    ),
    Setting(key="signing_region", help="region to sign for; default AWS_REGION", group=Group.AWS, metavar="REGION"),
    Setting(
        key="auth_mode",
        help="how the client authenticates",
        group=Group.AWS,
        metavar="MODE",
        default=AuthMode.SIGV4,
        enum=AuthMode,
    ),
    Setting(
        key="mqtt_version",
        help="MQTT protocol version",
        group=Group.CLIENT,
        metavar="VERSION",
        default=MqttVersion.V5,
        enum=MqttVersion,
    ),
    Setting(
        key="client_id_prefix",
        help="prefix of each client id; target and random suffix follow",
        group=Group.CLIENT,
        metavar="PREFIX",
        default="test-",
    ),
    Setting(key="client_id", help="exactly this client id instead", group=Group.CLIENT, metavar="ID"),
    Setting(
        key="ca_file",
        help="PEM bundle to trust instead of the system's: a path, or the PEM text",
        group=Group.CLIENT,
        metavar="FILE",
    ),
    Setting(
        key="timeout_seconds",
        help="deadline of one target in seconds",
        group=Group.CLIENT,
        metavar="SECONDS",
        default="10",
    ),
    Setting(
        key="confirm_after_seconds",
        help="a failed connect is tried once more after so many seconds and counts only if that fails too; 0: never",
        group=Group.CLIENT,
        metavar="SECONDS",
        default="0",
    ),
    Setting(
        key="expect",
        help="what a healthy target does",
        group=Group.CLIENT,
        metavar="WHAT",
        default=Expect.CONNECT,
        enum=Expect,
    ),
    Setting(key="access_key_id", help="access key id", group=Group.AWS, secret=True),
    Setting(key="secret_access_key", help="secret access key", group=Group.AWS, secret=True),
    Setting(key="session_token", help="session token of temporary credentials", group=Group.AWS, secret=True),
    Setting(
        key="authorizer_name",
        help="custom authorizer; empty: the endpoint's default one",
        group=Group.AUTHORIZER,
        metavar="NAME",
    ),
    Setting(
        key="authorizer_username", help="user name passed to the authorizer", group=Group.AUTHORIZER, metavar="NAME"
    ),
    Setting(
        key="authorizer_password",
        help="password passed to the authorizer; base64:... is binary",
        group=Group.AUTHORIZER,
        secret=True,
    ),
    Setting(
        key="authorizer_token_key_name",
        help="name under which the token travels",
        group=Group.AUTHORIZER,
        metavar="NAME",
    ),
    Setting(key="authorizer_token_value", help="the token", group=Group.AUTHORIZER, secret=True),
    Setting(
        key="authorizer_token_signature", help="the token's signature, base64", group=Group.AUTHORIZER, secret=True
    ),
    Setting(
        key="authorizer_signing_key",
        help="RSA private key (PEM) that signs the token at every run",
        group=Group.AUTHORIZER,
        secret=True,
    ),
    Setting(
        key="authorizer_placement",
        help="where the authorizer's fields travel",
        group=Group.AUTHORIZER,
        metavar="WHERE",
        default=AuthorizerPlacement.USERNAME,
        enum=AuthorizerPlacement,
    ),
    Setting(
        key="targets",
        help="many targets: a JSON document, or a reference to one",
        group=Group.RUN,
        metavar="DOCUMENT",
        may_hold_secrets=True,
        is_global=True,
    ),
    Setting(
        key="max_concurrent_connects",
        help="how many targets connect at the same time",
        group=Group.RUN,
        metavar="N",
        default="100",
        is_global=True,
    ),
    Setting(
        key="heartbeat_url",
        help="URL, https://..., asked with GET after each run that was completed (an external dead man's switch)",
        group=Group.RUN,
        secret=True,
        is_global=True,
    ),
)
BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in SETTINGS}
TARGET_SETTINGS: tuple[Setting, ...] = tuple(setting for setting in SETTINGS if not setting.is_global)
TARGET_KEYS: tuple[str, ...] = tuple(setting.key for setting in TARGET_SETTINGS)
