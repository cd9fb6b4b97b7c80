"""From resolved settings to a target, or to every problem with them."""

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast
from urllib.parse import unquote

from connect_canary.config.auth_rules import AUTH_RULES, PLACEMENT_RULES, AuthRules
from connect_canary.config.endpoint_rules import DEFAULT_PORT, PORT_PATTERN, endpoint_problem, region_of_host
from connect_canary.config.paste_rules import paste_problem, signature_problem
from connect_canary.config.problems import SettingsError, problem_message
from connect_canary.config.settings import TARGET_SETTINGS, Setting
from connect_canary.config.targets_document import DEFAULT_TARGET
from connect_canary.config.values import Value
from connect_canary.model.mqtt import MAX_CLIENT_ID_BYTES, MAX_FIELD_BYTES
from connect_canary.model.secret import Secret
from connect_canary.model.target import SUFFIX_CHARACTERS, AuthMode, AuthorizerPlacement, Target, password_bytes

MAX_TIMEOUT_SECONDS = 300.0
MAX_CONFIRM_AFTER_SECONDS = 300.0
REGION_PATTERN = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
REGION_ALLOWED = "allowed: a region such as eu-west-1 (default: AWS_REGION)"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the SDK refuses to send as text: control characters and Unicode's noncharacters (MQTT 5, section 1.5.4).
_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_UNSENDABLE = re.compile(rf"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef{_NONCHARACTERS}]")


def build_target(values: Mapping[str, Value], *, unknown: frozenset[str] = frozenset()) -> Target:
    """Return the target that resolved `values` describe; raise SettingsError with every problem.

    Settings that are `unknown`, because they could not be fetched, are not validated.
    """
    validator = TargetValidator(values, unknown)
    target = validator.target()
    if target is None or validator.problems:
        raise SettingsError(validator.problems)
    return target


class TargetValidator:
    """Converts values to the types of a target and collects a sentence for each that cannot be used."""

    def __init__(self, values: Mapping[str, Value], unknown: frozenset[str]) -> None:
        self._values = values
        self._unknown = unknown
        self.problems: list[str] = []

    def target(self) -> Target | None:
        """Return the target, None if a value that others depend on cannot be used."""
        self._validate_pasted()
        name = self._text("name") if "name" in self._values else DEFAULT_TARGET
        host, port = self._endpoint()
        choices = {setting.key: self._choice(setting) for setting in TARGET_SETTINGS if setting.enum}
        mode, placement = choices["auth_mode"], choices["authorizer_placement"]
        rules = None if mode is None else AUTH_RULES[AuthMode(mode)]
        region = self._region(host) if rules and rules.signs_requests else self._text("signing_region")
        timeout, confirm_after = self._timeout(), self._confirm_after()
        self._validate_client_id(name)
        self._validate_username()
        self._validate_password()
        if rules is not None:
            self._validate_credentials(rules)
        if placement is not None and PLACEMENT_RULES[AuthorizerPlacement(placement)].http_headers:
            self._validate_headers()
        if None in choices.values():
            return None
        plain = {setting.key: self._plain(setting) for setting in TARGET_SETTINGS if setting.key != "endpoint"}
        typed = {
            **plain,
            **choices,
            "signing_region": region,
            "timeout_seconds": timeout,
            "confirm_after_seconds": confirm_after,
        }
        return Target(name=name, host=host, port=port, **cast("dict[str, Any]", typed))

    def _text(self, key: str) -> str:
        return self._values[key].text

    def _plain(self, setting: Setting) -> str | Secret | None:
        value = self._values[setting.key]
        return value.secret if setting.secret else value.text

    def _refuse(self, key: str, allowed: str) -> None:
        if key not in self._unknown:
            self.problems.append(problem_message(self._values[key], allowed))

    def _validate_pasted(self) -> None:
        """Refuse what came along when a value was pasted, and say nothing else about that value."""
        for setting in TARGET_SETTINGS:
            allowed = paste_problem(setting, self._values[setting.key].reveal())
            if allowed is not None:
                self._refuse(setting.key, allowed)
                self._unknown |= {setting.key}

    def _choice(self, setting: Setting) -> StrEnum | None:
        text = self._text(setting.key)
        if setting.enum is None or text not in setting.choices:
            self._refuse(setting.key, f"allowed: {', '.join(setting.choices)}")
            return None
        return setting.enum(text)

    def _endpoint(self) -> tuple[str, int]:
        host, _, port = self._text("endpoint").partition(":")
        refused = endpoint_problem(self._text("endpoint"))
        if refused:
            self._refuse("endpoint", refused)
        return host, int(port) if PORT_PATTERN.fullmatch(port) else DEFAULT_PORT

    def _region(self, host: str) -> str:
        region = self._text("signing_region") or region_of_host(host)
        if not REGION_PATTERN.fullmatch(region):
            self._refuse("signing_region", REGION_ALLOWED)
        return region

    def _timeout(self) -> float:
        seconds = self._seconds("timeout_seconds")
        if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
            self._refuse("timeout_seconds", f"allowed: seconds above 0, at most {MAX_TIMEOUT_SECONDS:g}")
        return seconds

    def _confirm_after(self) -> float:
        seconds = self._seconds("confirm_after_seconds")
        if not 0 <= seconds <= MAX_CONFIRM_AFTER_SECONDS:
            self._refuse("confirm_after_seconds", f"allowed: seconds from 0 to {MAX_CONFIRM_AFTER_SECONDS:g}")
        return seconds

    def _seconds(self, key: str) -> float:
        try:
            return float(self._text(key))
        except ValueError:
            return math.nan

    def _validate_client_id(self, name: str) -> None:
        key = "client_id" if self._text("client_id") else "client_id_prefix"
        length = len(self._text(key).encode())
        if key == "client_id_prefix":
            length += len(name) + 1 + SUFFIX_CHARACTERS
        if length > MAX_CLIENT_ID_BYTES:
            counted = "" if key == "client_id" else " together with the target's name and the suffix"
            self._refuse(key, f"allowed: at most {MAX_CLIENT_ID_BYTES} bytes of UTF-8{counted}; this makes {length}")
        if _UNSENDABLE.search(self._text(key)):
            self._refuse(key, "allowed: no control characters")

    def _validate_username(self) -> None:
        if _UNSENDABLE.search(self._text("authorizer_username")):
            self._refuse("authorizer_username", "allowed: no control characters")
        if len(self._text("authorizer_username").encode()) > MAX_FIELD_BYTES:
            self._refuse("authorizer_username", f"allowed: at most {MAX_FIELD_BYTES} bytes of UTF-8")

    def _validate_password(self) -> None:
        try:
            password = password_bytes(self._values["authorizer_password"].secret)
        except ValueError:
            self._refuse("authorizer_password", "allowed: valid base64 after 'base64:'")
            return
        if password is not None and len(password) > MAX_FIELD_BYTES:
            self._refuse("authorizer_password", f"allowed: at most {MAX_FIELD_BYTES} bytes")

    def _validate_headers(self) -> None:
        """Refuse what is no HTTP header, or would start another one."""
        name = unquote(self._text("authorizer_token_key_name"))
        if name and not _HEADER_NAME.fullmatch(name):
            self._refuse("authorizer_token_key_name", "allowed: a header's name with authorizer_placement headers")
        for key in ("authorizer_name", "authorizer_token_value", "authorizer_token_signature"):
            text = self._values[key].reveal()
            # Line ends of a signature are removed before it is sent; encoded ones would be sent.
            text = "".join(text.splitlines()) if key == "authorizer_token_signature" else text
            if _CONTROL.search(unquote(text)):
                self._refuse(key, "allowed: no control characters with authorizer_placement headers")

    def _validate_credentials(self, rules: AuthRules) -> None:
        mode = self._text("auth_mode")
        for key in rules.required:
            if not self._values[key].is_set:
                self._refuse(key, f"it is needed with auth_mode {mode}")
        for key in rules.single_line:
            if _CONTROL.search(self._values[key].reveal()):
                self._refuse(key, "allowed: no control characters, such as line ends")
        wrong = signature_problem(self._values["authorizer_token_signature"].reveal())
        if "authorizer_token_signature" in rules.alternatives and wrong:
            self._refuse("authorizer_token_signature", wrong)
        if rules.alternatives and sum(self._values[key].is_set for key in rules.alternatives) != 1:
            names = " and ".join(rules.alternatives)
            self._refuse(rules.alternatives[0], f"exactly one of {names} is needed with auth_mode {mode}")
