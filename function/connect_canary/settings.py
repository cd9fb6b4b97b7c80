"""The settings: their names, defaults and rules, and how layers of them become one. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PREFIX = "CANARY_"
REFERENCE_PATTERN = re.compile(r"(ssm|secretsmanager):\S")
_SHOWN_CHARACTERS = 80
_SHOWN_NAMES = 30

# How somebody writes a setting or a wish, by its key.
Spell = Callable[[str], str]


class AuthMode(StrEnum):
    """How the client proves who it is."""

    SIGV4 = "sigv4"
    SIGV4_STATIC = "sigv4-static"
    CUSTOM_UNSIGNED = "custom-unsigned"
    CUSTOM_SIGNED = "custom-signed"


class MqttVersion(StrEnum):
    """MQTT protocol version of the CONNECT."""

    V5 = "5"
    V3_1_1 = "3.1.1"


class Expect(StrEnum):
    """What a healthy target does with the client."""

    CONNECT = "connect"
    REFUSE = "refuse"


class Placement(StrEnum):
    """Where a custom authorizer's fields travel (AWS IoT developer guide, custom-auth)."""

    USERNAME = "username"
    HEADERS = "headers"
    QUERY = "query"


class SettingsError(ValueError):
    """Settings cannot be used; `problems` has one sentence each, without any secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Join the sentences into the message that is logged and raised."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


class Secret:
    """A value that shows itself only to `reveal()`; printing it, in any form, shows asterisks."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        """Return asterisks."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare values, so that targets can be compared."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash the value."""
        return hash(self._value)


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
        default=Placement.USERNAME,
        choices=tuple(Placement),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A setting's text, the place where it was written, and whether that place was a reference."""

    text: str = field(repr=False)
    origin: str
    referenced: bool = False


def is_reference(text: str) -> bool:
    """Tell whether `text` names a parameter or a secret instead of being the value."""
    return REFERENCE_PATTERN.match(text) is not None


def is_pem(text: str) -> bool:
    """Tell whether `text` is PEM itself instead of the path to it."""
    return "-----BEGIN" in text


def tidy(setting: Setting, text: str) -> str:
    """Return `text` without the white space around it, which only a secret may hold on purpose."""
    stripped = text.strip()
    return text if setting.secret and stripped and not is_reference(stripped) else stripped


def problem(setting: Setting, value: Value, allowed: str) -> str:
    """Return the sentence that says where the value stands, what it is (masked when secret) and what is allowed."""
    masked = value.referenced or (setting.secret and not is_reference(value.text))
    shown = "'***'" if masked else "PEM text" if is_pem(value.text) else quoted(value.text)
    return f"{value.origin} is {shown if value.text else 'not set'}; {allowed}"


def quoted(value: object) -> str:
    """Return what somebody wrote as a sentence shows it: printable and not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def is_text(text: str) -> bool:
    """Tell whether `text` can be sent and printed: a lone surrogate, from a broken encoding, cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def read_environment(environ: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    """Return the settings that `environ` gives, and a sentence for each CANARY_ variable that gives none."""
    values: dict[str, Value] = {}
    problems: list[str] = []
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        setting = BY_KEY.get(variable.removeprefix(PREFIX).lower())
        if setting is None or setting.variable != variable:
            near = did_you_mean(variable, [known.variable for known in SETTINGS])
            problems.append(f"{name_of(variable)} is not a setting; {near}")
            continue
        value = Value(text=tidy(setting, environ[variable]), origin=variable)
        if not is_text(value.text):
            problems.append(problem(setting, value, "allowed: text in UTF-8"))
        elif value.text:
            values[setting.key] = value
    return values, problems


def as_variable(key: str) -> str:
    """Return how a setting, or a wish of the event, is written where the canary is deployed."""
    return BY_KEY[key].variable if key in BY_KEY else f"event.{key}"


def with_defaults(values: Mapping[str, Value], spell: Spell = as_variable, **fallbacks: str) -> dict[str, Value]:
    """Return `values` over the settings' defaults; `fallbacks` are defaults that only the surroundings know.

    What nobody has set has its name as `spell` writes it for an origin.
    """
    defaults = {s.key: Value(text=fallbacks.get(s.key) or s.default, origin=spell(s.key)) for s in SETTINGS}
    return {**defaults, **values}


def name_of(name: str) -> str:
    """Return an unknown name as a sentence shows it: as it is where it could be a name."""
    return name if name.isidentifier() and len(name) <= _SHOWN_CHARACTERS else quoted(name)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, or those that there are."""
    # Only a misspelling needs it, and a cold start should not pay for it.
    from difflib import get_close_matches  # noqa: PLC0415

    names = list(known)
    lowered = {name.lower(): name for name in names}
    near = get_close_matches(word[:_SHOWN_CHARACTERS].lower(), lowered, n=1)
    if near:
        return f"did you mean {lowered[near[0]]}?"
    return f"allowed: {', '.join(names[:_SHOWN_NAMES])}{', ...' if len(names) > _SHOWN_NAMES else ''}"
