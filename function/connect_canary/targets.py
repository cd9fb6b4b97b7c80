"""Targets: what one attempt needs to know, read from the settings and from a targets document. Pure."""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import unquote

from connect_canary.settings import (
    BY_KEY,
    TARGET_SETTINGS,
    AuthMode,
    Expect,
    MqttVersion,
    Placement,
    Secret,
    SettingsError,
    Value,
    did_you_mean,
    is_pem,
    is_reference,
    is_text,
    name_of,
    problem,
    quoted,
    tidy,
)

DEFAULT_TARGET = "default"
DEFAULT_PORT = 443
MAX_PORT = 65535
MAX_HOST_CHARACTERS = 253  # RFC 1035, section 2.3.4, without the root's dot
MAX_CLIENT_ID_BYTES = 128
MAX_TIMEOUT_SECONDS = 300.0
SUFFIX_CHARACTERS = 8

NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_PATTERN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LEGACY = re.compile(r"[a-z0-9]+\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[a-z0-9]+\.credentials\.iot\.", re.IGNORECASE)
_REGION_OF = re.compile(r"\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$", re.IGNORECASE)
REGION_PATTERN = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
REGION_ALLOWED = "allowed: a region such as eu-west-1 (default: AWS_REGION)"
_PORT = re.compile(r"[0-9]{1,5}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the SDK refuses to send as text: control characters and Unicode's noncharacters (MQTT 5, section 1.5.4).
_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_UNSENDABLE = re.compile(rf"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef{_NONCHARACTERS}]")
MAX_FIELD_BYTES = 65535  # MQTT, section 1.5: a field's length has two bytes
_PATH = re.compile(r"ssm:(/\S*)?/")
TARGET_KEYS = tuple(setting.key for setting in TARGET_SETTINGS)

Fetch = Callable[[str], str]
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One endpoint and one way to authenticate there; secrets are masked in its repr."""

    name: str
    host: str
    port: int
    signing_region: str
    auth_mode: AuthMode
    mqtt_version: MqttVersion
    client_id_prefix: str
    client_id: str
    ca_file: str
    timeout_seconds: float
    expect: Expect
    access_key_id: Secret | None
    secret_access_key: Secret | None
    session_token: Secret | None
    authorizer_name: str
    authorizer_username: str
    authorizer_password: Secret | None
    authorizer_token_key_name: str
    authorizer_token_value: Secret | None
    authorizer_token_signature: Secret | None
    authorizer_signing_key: Secret | None
    authorizer_placement: Placement

    @property
    def endpoint(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def as_dict(self, hidden: Collection[str] = ()) -> dict[str, object]:
        """Return the target for people: every setting that is set, secrets and those that are `hidden` masked."""
        shown: dict[str, object] = {"target": self.name, "endpoint": self.endpoint}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in {"name", "host", "port"} and value not in {None, ""}:
                shown[field.name] = "***" if isinstance(value, Secret) or field.name in hidden else value
        if is_pem(self.ca_file):
            shown["ca_file"] = "PEM text"
        return shown


def password_bytes(password: Secret | None) -> bytes | None:
    """Return the password as it goes into the CONNECT; raise ValueError when its base64 is malformed."""
    if password is None:
        return None
    kind, colon, rest = password.reveal().partition("base64:")
    if kind or not colon:
        return password.reveal().encode()
    return base64.b64decode(rest, validate=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a targets document: its own settings, the place that its problems name, and those found so far.

    One with problems is read on only to find all of them, and not at all when it is `unreadable`.
    """

    place: str
    values: Mapping[str, Value]
    problems: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def name(self) -> str | None:
        """The target's name, None for an entry that should have one and has none that can be used."""
        if "name" in self.values:
            return self.values["name"].text
        return None if self.place else DEFAULT_TARGET

    def over(self, base: Mapping[str, Value]) -> dict[str, Value]:
        """Return this item's settings over those of `base`: what nobody has set is missing here, in the document."""
        inherited = {key: value for key, value in base.items() if key in TARGET_KEYS}
        if self.place:
            unset = [key for key, value in inherited.items() if not value.text]
            inherited |= {key: Value(text="", origin=f"{self.place}.{key}") for key in unset}
        return {**inherited, **self.values}


def read_document(text: str, origin: str) -> tuple[list[Item], list[str]]:
    """Return a targets document's entries and a sentence for each mistake around them; raise ValueError."""
    document = _parse(text, origin)
    if not isinstance(document, dict) or not isinstance(document.get("targets"), list) or not document["targets"]:
        raise ValueError(f'{origin} is no targets document; allowed: {{"targets": [{{"name": "...", ...}}, ...]}}')
    problems = [
        f"{origin} has the unknown key {quoted(key)}; allowed: targets, $schema"
        for key in document
        if key not in {"targets", "$schema"}
    ]
    items = [_read_item(entry, f"targets[{index}]") for index, entry in enumerate(document["targets"])]
    return _named_once(items), problems


def read_path(found: Mapping[str, str], origin: str) -> list[Item]:
    """Return the entries below a parameter path, `found` by names from there on; raise ValueError when there is none.

    The last part of a parameter's name is the target's.
    """
    if not found:
        raise ValueError(f"{origin} holds no parameter; allowed: one parameter a target below it")
    return _named_once(
        [_read_parameter(name.rpartition("/")[2], text, f"{origin}{name}") for name, text in sorted(found.items())]
    )


def _read_parameter(name: str, text: str, place: str) -> Item:
    """Return the entry that one parameter holds, which has the parameter's name."""
    try:
        entry = _parse(text, place)
    except ValueError as error:
        return _nothing(place, str(error), name)
    if not isinstance(entry, dict) or entry.get("name", name) == name:
        return _read_item({"name": name, **entry} if isinstance(entry, dict) else entry, place)
    item = _read_item({**entry, "name": name}, place)
    wrong = f"{place}.name is {quoted(entry['name'])}; allowed: {name!r}, the parameter's own, or none"
    return replace(item, problems=(wrong, *item.problems))


def _parse(text: str, origin: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the JSON `text` holds; raise ValueError with a sentence that shows none of it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{origin} is JSON that is too deep or holds too long a number") from None


def _read_item(entry: object, place: str) -> Item:
    """Return the entry with a sentence for each mistake that can be seen without the settings that it inherits."""
    if not isinstance(entry, dict):
        return _nothing(place, f"{place} is a JSON {_json_type(entry)}; allowed: an object with a name and settings")
    values: dict[str, Value] = {}
    problems: list[str] = []
    if "name" not in entry:
        problems.append(f"{place}.name is not set; {_NAME_ALLOWED}")
    for key, written in entry.items():
        mistake = _mistake(key, written, f"{place}.{name_of(key)}")
        if mistake is None:
            values[key] = Value(text=tidy(BY_KEY[key], str(written)), origin=f"{place}.{key}")
        else:
            problems.append(mistake)
    return Item(place=place, values=values, problems=tuple(problems))


def _nothing(place: str, mistake: str, name: str | None = None) -> Item:
    """Return an entry of which nothing but its name can be used."""
    named = {} if name is None else {"name": Value(text=name, origin=f"{place}.name")}
    return Item(place=place, values=named, problems=(mistake,), unreadable=True)


_NAME_ALLOWED = "allowed: 1 to 64 of A-Z a-z 0-9 _ . -"


def _mistake(key: str, written: object, where: str) -> str | None:
    """Return what is wrong with one member of an entry by itself."""
    if key != "name" and key not in TARGET_KEYS:
        return f"{where} is no setting of a target; {did_you_mean(key, ('name', *TARGET_KEYS))}"
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return f"{where} is a JSON {_json_type(written)}; allowed: a string or a number"
    if not is_text(str(written)):
        return problem(BY_KEY[key], Value(text=str(written), origin=where), "allowed: valid Unicode text")
    if key == "name" and not NAME_PATTERN.fullmatch(str(written)):
        return f"{where} is {quoted(written)}; {_NAME_ALLOWED}"
    return None


def _json_type(value: object) -> str:
    names = {bool: "boolean", dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return names.get(type(value), "null")


def _named_once(items: Iterable[Item]) -> list[Item]:
    """Return the items, the second one of a name with a sentence that says so."""
    first: dict[str, Item] = {}
    checked: list[Item] = []
    for item in items:
        holder = item if item.name is None else first.setdefault(item.name, item)
        taken = f"{item.place}.name is {item.name!r}; {holder.place} has that name already"
        checked.append(item if holder is item else replace(item, problems=(*item.problems, taken)))
    return checked


def is_path(text: str) -> bool:
    """Tell whether `text` refers to every parameter below a path."""
    return _PATH.fullmatch(text) is not None


def resolve(values: Mapping[str, Value], fetch: Fetch) -> tuple[dict[str, Value], list[str]]:
    """Return `values` with references replaced by what `fetch` gives for them (raises ValueError with a sentence)."""
    resolved: dict[str, Value] = {}
    problems: list[str] = []
    for key, value in values.items():
        if not is_reference(value.text):
            resolved[key] = value
            continue
        try:
            text = tidy(BY_KEY[key], fetch(value.text))
        except ValueError as error:
            problems.append(f"{value.origin} refers to {value.text}: {error}")
            continue
        if is_reference(text):
            problems.append(f"{value.origin} refers to {value.text}, which holds another reference; allowed: a value")
        elif not is_text(text):
            problems.append(f"{value.origin} refers to {value.text}, which holds no valid Unicode; allowed: text")
        else:
            resolved[key] = Value(text=text, origin=f"{value.origin} (from {value.text})", referenced=True)
    return resolved, problems


def build(values: Mapping[str, Value], *, unknown: frozenset[str] = frozenset()) -> Target:
    """Return the target that resolved settings describe; raise SettingsError with every problem.

    Rules pass over the settings whose value is `unknown` because it could not be fetched.
    """
    reader = _Reader(values, unknown)
    target = reader.target()
    if target is None or reader.problems:
        raise SettingsError(reader.problems)
    return target


class _Reader:
    """Reads typed values and collects a sentence for each that cannot be used."""

    def __init__(self, values: Mapping[str, Value], unknown: frozenset[str]) -> None:
        self._values = values
        self._unknown = unknown
        self.problems: list[str] = []

    def target(self) -> Target | None:
        """Return the target, None when a value that the others depend on is unusable."""
        text, secret = self._text, self._secret
        name = self._name()
        host, port = self._endpoint()
        mode = self._choice("auth_mode", AuthMode)
        version = self._choice("mqtt_version", MqttVersion)
        expect = self._choice("expect", Expect)
        placement = self._choice("authorizer_placement", Placement)
        region = self._region(host) if mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC} else text("signing_region")
        timeout = self._timeout()
        self._client_id(name)
        self._username()
        self._password()
        if mode is not None:
            self._credentials(mode)
        if placement is Placement.HEADERS:
            self._headers()
        if mode is None or version is None or expect is None or placement is None:
            return None
        return Target(
            name=name,
            host=host,
            port=port,
            signing_region=region,
            auth_mode=mode,
            mqtt_version=version,
            client_id_prefix=text("client_id_prefix"),
            client_id=text("client_id"),
            ca_file=text("ca_file"),
            timeout_seconds=timeout,
            expect=expect,
            access_key_id=secret("access_key_id"),
            secret_access_key=secret("secret_access_key"),
            session_token=secret("session_token"),
            authorizer_name=text("authorizer_name"),
            authorizer_username=text("authorizer_username"),
            authorizer_password=secret("authorizer_password"),
            authorizer_token_key_name=text("authorizer_token_key_name"),
            authorizer_token_value=secret("authorizer_token_value"),
            authorizer_token_signature=secret("authorizer_token_signature"),
            authorizer_signing_key=secret("authorizer_signing_key"),
            authorizer_placement=placement,
        )

    def _text(self, key: str) -> str:
        return self._values[key].text

    def _secret(self, key: str) -> Secret | None:
        return Secret(self._text(key)) if self._text(key) else None

    def _refuse(self, key: str, allowed: str) -> None:
        if key not in self._unknown:
            self.problems.append(problem(BY_KEY[key], self._values[key], allowed))

    def _choice(self, key: str, enum: type[E]) -> E | None:
        try:
            return enum(self._text(key))
        except ValueError:
            self._refuse(key, f"allowed: {', '.join(enum)}")
            return None

    def _name(self) -> str:
        return self._values["name"].text if "name" in self._values else DEFAULT_TARGET

    def _endpoint(self) -> tuple[str, int]:
        host, _, port = self._text("endpoint").partition(":")
        refused = _refused_endpoint(self._text("endpoint"))
        if refused:
            self._refuse("endpoint", refused)
        return host, int(port) if _PORT.fullmatch(port) else DEFAULT_PORT

    def _region(self, host: str) -> str:
        of_endpoint = _REGION_OF.search(host)
        region = self._text("signing_region") or (of_endpoint.group(1) if of_endpoint else "")
        if not REGION_PATTERN.fullmatch(region):
            self._refuse("signing_region", REGION_ALLOWED)
        return region

    def _timeout(self) -> float:
        try:
            seconds = float(self._text("timeout_seconds"))
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
            self._refuse("timeout_seconds", f"allowed: seconds above 0, at most {MAX_TIMEOUT_SECONDS:g}")
        return seconds

    def _client_id(self, name: str) -> None:
        key = "client_id" if self._text("client_id") else "client_id_prefix"
        length = len(self._text(key).encode())
        if key == "client_id_prefix":
            length += len(name) + 1 + SUFFIX_CHARACTERS
        if length > MAX_CLIENT_ID_BYTES:
            made = "" if key == "client_id" else " together with the target's name and the suffix"
            self._refuse(key, f"allowed: at most {MAX_CLIENT_ID_BYTES} bytes of UTF-8{made}; this makes {length}")
        if _UNSENDABLE.search(self._text(key)):
            self._refuse(key, "allowed: no control characters")

    def _username(self) -> None:
        if _UNSENDABLE.search(self._text("authorizer_username")):
            self._refuse("authorizer_username", "allowed: no control characters")
        if len(self._text("authorizer_username").encode()) > MAX_FIELD_BYTES:
            self._refuse("authorizer_username", f"allowed: at most {MAX_FIELD_BYTES} bytes of UTF-8")

    def _password(self) -> None:
        try:
            password = password_bytes(self._secret("authorizer_password"))
        except ValueError:
            self._refuse("authorizer_password", "allowed: valid base64 after 'base64:'")
            return
        if password is not None and len(password) > MAX_FIELD_BYTES:
            self._refuse("authorizer_password", f"allowed: at most {MAX_FIELD_BYTES} bytes")

    def _headers(self) -> None:
        """Refuse what would not be an HTTP header or would begin another one."""
        name = unquote(self._text("authorizer_token_key_name"))
        if name and not _HEADER_NAME.fullmatch(name):
            self._refuse("authorizer_token_key_name", "allowed: a header's name with authorizer_placement headers")
        for key in ("authorizer_name", "authorizer_token_value", "authorizer_token_signature"):
            # A signature's own line ends do not travel (authentication), but encoded ones would.
            text = "".join(self._text(key).splitlines()) if key.endswith("signature") else self._text(key)
            if _CONTROL.search(unquote(text)):
                self._refuse(key, "allowed: no control characters with authorizer_placement headers")

    def _credentials(self, mode: AuthMode) -> None:
        for key in _missing(mode, self._values):
            self._refuse(key, f"it is needed with auth_mode {mode}")
        if mode is AuthMode.SIGV4_STATIC:
            for key in ("access_key_id", "secret_access_key", "session_token"):
                if _CONTROL.search(self._text(key)):
                    self._refuse(key, "allowed: no control characters, such as line ends")
        if mode is not AuthMode.CUSTOM_SIGNED:
            return
        signature, key = self._text("authorizer_token_signature"), self._text("authorizer_signing_key")
        if bool(signature) == bool(key):
            self._refuse(
                "authorizer_token_signature",
                f"exactly one of authorizer_token_signature and authorizer_signing_key is needed with auth_mode {mode}",
            )


def _refused_endpoint(text: str) -> str | None:
    """Return why an endpoint cannot be used and what is allowed; None when it can."""
    host, colon, port = text.partition(":")
    return next((allowed for refused, allowed in _endpoint_rules(text, host) if refused), None) or (
        f"allowed: a port from 1 to {MAX_PORT} after the host"
        if colon and not (_PORT.fullmatch(port) and 0 < int(port) <= MAX_PORT)
        else None
    )


def _endpoint_rules(text: str, host: str) -> Iterator[tuple[bool, str]]:
    yield not text, "allowed: host or host:port, or leave it unset to ask iot:DescribeEndpoint"
    yield "://" in text, "allowed: host or host:port without a scheme (no https://, no wss://)"
    yield "/" in text or "?" in text, "allowed: host or host:port without a path; the path is always /mqtt"
    yield HOST_PATTERN.fullmatch(host) is None, "allowed: host or host:port"
    yield len(host) > MAX_HOST_CHARACTERS, f"allowed: a host of at most {MAX_HOST_CHARACTERS} characters"
    yield _LEGACY.fullmatch(host) is not None, _LEGACY_REFUSED
    yield _CREDENTIALS.match(host) is not None, "this is the credentials provider; allowed: the iot:Data-ATS endpoint"


_LEGACY_REFUSED = (
    "this legacy name shows a certificate that clients no longer trust; "
    "allowed: the -ats name (aws iot describe-endpoint --endpoint-type iot:Data-ATS) or a custom domain"
)


def _missing(mode: AuthMode, values: Mapping[str, Value]) -> Iterator[str]:
    needed = {
        AuthMode.SIGV4_STATIC: ("access_key_id", "secret_access_key"),
        AuthMode.CUSTOM_SIGNED: ("authorizer_token_key_name", "authorizer_token_value"),
    }
    return (key for key in needed.get(mode, ()) if not values[key].text)
