"""What a targets document may do that is read from a reference: whoever may write a parameter has written it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from connect_canary.config.auth_rules import AUTH_RULES
from connect_canary.config.endpoint_rules import DEFAULT_PORT, HOST_PATTERN, PORT_PATTERN
from connect_canary.config.problems import problem_message
from connect_canary.config.references import ReferenceResolver
from connect_canary.config.settings import BY_KEY
from connect_canary.config.values import Author, Value
from connect_canary.model.frozen import frozen
from connect_canary.model.target import AuthMode

# The fields that stand in logs, metrics and responses.
PRINTED_KEYS = ("endpoint", "client_id", "client_id_prefix", "signing_region")
_WILDCARD = "*."
_REFERENCE_REFUSED = "whoever may write what it refers to would decide where secrets go; allowed: the hosts themselves"


@frozen
class AllowedEndpoint:
    """One item of `allowed_endpoints`: a host or, after `*.`, a domain; on every port unless one is named."""

    host: str
    port: int | None = None

    def allows(self, host: str, port: int) -> bool:
        """Return whether an endpoint is the one that this names, or one of them."""
        if self.port not in {None, port}:
            return False
        if self.host.startswith(_WILDCARD):
            return host.lower().endswith(self.host[1:])
        return host.lower() == self.host


def parse_allowed_endpoints(value: Value, problems: list[str]) -> tuple[AllowedEndpoint, ...]:
    """Return the items of the setting, none of them and a problem if one cannot be used."""
    items = [part.strip().lower() for part in value.text.split(",") if part.strip()]
    for item in items:
        refused = _REFERENCE_REFUSED if value.is_reference else _item_problem(item)
        if refused:
            problems.append(problem_message(value, refused))
            return ()
    parts = [item.partition(":") for item in items]
    return tuple(AllowedEndpoint(host=host, port=int(port) if port else None) for host, _, port in parts)


def _item_problem(item: str) -> str | None:
    host, colon, port = item.partition(":")
    domain = host.removeprefix(_WILDCARD)
    if not HOST_PATTERN.fullmatch(domain) or (colon and not PORT_PATTERN.fullmatch(port)):
        return "allowed: hosts, separated by commas, as in iot.example.com or *.example.com"
    if domain != host and _is_shared(domain):
        return f"every AWS account has an endpoint in {host}; allowed: hosts, or a domain of your own"
    return None


def _is_shared(domain: str) -> bool:
    """Return whether others can have an endpoint in `domain`: AWS's own, or a whole top-level domain."""
    return "." not in domain or re.fullmatch(r"(.+\.)?amazonaws\.com(\.cn)?", domain) is not None


@frozen
class Confinement:
    """The endpoints of the deployer: the canary's own, whose `endpoint` may be unset, and those that he allows."""

    endpoint: Value
    signing_region: Value
    allowed: tuple[AllowedEndpoint, ...]
    references: ReferenceResolver

    def confine(self, values: Mapping[str, Value], problems: list[str]) -> dict[str, Value]:
        """Return the resolved `values` of a target without the secrets that its endpoint must not receive.

        Problems are appended: an endpoint that is not allowed, a secret that is missing there, a printed field that is
        read from a secret.
        """
        problems += self._printed_secrets(values)
        if values["endpoint"].author is not Author.REFERENCED_DOCUMENT:
            return dict(values)
        host, port = _split(values["endpoint"].text)
        if (host, port) == self._own_endpoint():
            return dict(values)
        if not any(item.allows(host, port) for item in self.allowed):
            problems.append(
                problem_message(
                    values["endpoint"],
                    "a document that is read from a reference may name the canary's own endpoint "
                    "and those in CANARY_ALLOWED_ENDPOINTS",
                )
            )
        return self._without_inherited_secrets(values, problems)

    def _own_endpoint(self) -> tuple[str, int] | None:
        """Return host and port of the canary's own endpoint, None if it is not known."""
        try:
            if self.endpoint.is_reference:
                return _split(self.references.fetch(self.endpoint.text).reveal().strip())
            if self.endpoint.is_set:
                return _split(self.endpoint.text)
            return _split(self.references.account_endpoint(self.signing_region.text))
        except ValueError:
            return None

    def _printed_secrets(self, values: Mapping[str, Value]) -> Iterator[str]:
        for key in PRINTED_KEYS:
            value = values[key]
            if value.from_secret and value.author is not Author.DEPLOYER:
                yield problem_message(value, "it is printed; allowed: a value, or a parameter of type String")

    def _without_inherited_secrets(self, values: Mapping[str, Value], problems: list[str]) -> dict[str, Value]:
        kept = dict(values)
        mode = values["auth_mode"].text
        sent = AUTH_RULES[AuthMode(mode)].secrets if mode in set(AuthMode) else ()
        for key, value in values.items():
            if not BY_KEY[key].secret or value.author is not Author.DEPLOYER or not value.is_set:
                continue
            if key in sent:
                problems.append(
                    f"{value.origin} is not sent to another endpoint than the canary's own; "
                    f"set {key} beside {values['endpoint'].origin}"
                )
            else:
                kept[key] = replace(value, text="", secret=None)
        return kept


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.lower().partition(":")
    return host, int(port) if PORT_PATTERN.fullmatch(port) else DEFAULT_PORT
