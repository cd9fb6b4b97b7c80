"""From resolved settings to a target, or to every problem with them."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote

from connect_canary.config.endpoint_rules import PORT_PATTERN, endpoint_problem
from connect_canary.config.problems import SettingsError, problem_message
from connect_canary.config.settings import BY_KEY
from connect_canary.config.targets_document import DEFAULT_TARGET
from connect_canary.config.values import Value
from connect_canary.model.secret import Secret
from connect_canary.model.target import (
    MAX_CLIENT_ID_BYTES,
    MAX_FIELD_BYTES,
    SUFFIX_CHARACTERS,
    AuthMode,
    AuthorizerPlacement,
    Expect,
    MqttVersion,
    Target,
    password_bytes,
)

DEFAULT_PORT = 443
MAX_TIMEOUT_SECONDS = 300.0
_REGION_OF = re.compile(r"\.iot\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$", re.IGNORECASE)
REGION_PATTERN = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
REGION_ALLOWED = "allowed: a region such as eu-west-1 (default: AWS_REGION)"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the SDK refuses to send as text: control characters and Unicode's noncharacters (MQTT 5, section 1.5.4).
_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_UNSENDABLE = re.compile(rf"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef{_NONCHARACTERS}]")
E = TypeVar("E", bound=StrEnum)


def build_target(values: Mapping[str, Value], *, unknown: frozenset[str] = frozenset()) -> Target:
    """Return the target that resolved settings describe; raise SettingsError with every problem.

    Rules pass over the settings whose value is `unknown` because it could not be fetched.
    """
    reader = TargetValidator(values, unknown)
    target = reader.target()
    if target is None or reader.problems:
        raise SettingsError(reader.problems)
    return target


class TargetValidator:
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
        placement = self._choice("authorizer_placement", AuthorizerPlacement)
        region = self._region(host) if mode in {AuthMode.SIGV4, AuthMode.SIGV4_STATIC} else text("signing_region")
        timeout = self._timeout()
        self._client_id(name)
        self._username()
        self._password()
        if mode is not None:
            self._credentials(mode)
        if placement is AuthorizerPlacement.HEADERS:
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
            self.problems.append(problem_message(BY_KEY[key], self._values[key], allowed))

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
        refused = endpoint_problem(self._text("endpoint"))
        if refused:
            self._refuse("endpoint", refused)
        return host, int(port) if PORT_PATTERN.fullmatch(port) else DEFAULT_PORT

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
        for key in _missing_credentials(mode, self._values):
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


def _missing_credentials(mode: AuthMode, values: Mapping[str, Value]) -> Iterator[str]:
    needed = {
        AuthMode.SIGV4_STATIC: ("access_key_id", "secret_access_key"),
        AuthMode.CUSTOM_SIGNED: ("authorizer_token_key_name", "authorizer_token_value"),
    }
    return (key for key in needed.get(mode, ()) if not values[key].text)
