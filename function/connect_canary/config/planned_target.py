"""A target that can run, and how it is resolved from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connect_canary.config.problems import SettingsError, problem_message
from connect_canary.config.references import ReferenceResolver, resolve_values
from connect_canary.config.settings import BY_KEY
from connect_canary.config.target_validator import REGION_ALLOWED, REGION_PATTERN, build_target
from connect_canary.config.targets_document import TargetEntry, is_path_reference, read_document, read_parameters
from connect_canary.config.values import Value, is_reference
from connect_canary.model.target import Target
from connect_canary.network.proxy import Proxy
from connect_canary.probe.auth.authenticate import validate_auth
from connect_canary.probe.tls_trust import validate_trust

_PRIVATE = ("authorizer_name", "authorizer_username", "authorizer_token_key_name")


def read_entries(document: Value, known: ReferenceResolver, problems: list[str]) -> list[TargetEntry]:
    """Return each target's own settings."""
    text, origin = document.text, document.origin
    if not text:
        return [TargetEntry(place="", values={})]
    try:
        if is_path_reference(text):
            return read_parameters(known.below(text), text)
        items, mistakes = read_document(known.fetch(text) if is_reference(text) else text, origin)
    except ValueError as error:
        problems.append(f"{origin} refers to {text}: {error}" if is_reference(text) else str(error))
        return []
    problems += mistakes
    return [_mask_authorizer_fields(item) for item in items] if text.startswith("secretsmanager:") else items


def _mask_authorizer_fields(item: TargetEntry) -> TargetEntry:
    """Return an entry of a secret, whose names are told as little as those that are secrets by themselves."""
    hidden = {key: replace(item.values[key], referenced=True) for key in _PRIVATE if key in item.values}
    return replace(item, values={**item.values, **hidden})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """A target that can run, its settings before references were resolved, and where these were written."""

    target: Target
    values: Mapping[str, Value]
    proxy: Proxy | None
    document: Value
    base: Mapping[str, Value]
    fresh: ReferenceResolver

    def as_dict(self) -> dict[str, object]:
        """Return the target for people; whoever keeps a user name elsewhere does not want it shown here."""
        written = {key: self.values[key] for key in _PRIVATE}
        return self.target.as_dict({key for key, v in written.items() if v.referenced or is_reference(v.text)})

    @property
    def has_references(self) -> bool:
        """Tell whether any of its settings is read from elsewhere."""
        return any(is_reference(value.text) for value in (self.document, *self.values.values()))

    def refreshed(self) -> Target:
        """Return the same target with its document and every reference fetched anew; raise SettingsError."""
        if not is_reference(self.document.text):
            return resolve_target(self.values, self.fresh)
        items, problems = self.fresh.once(f"the targets of {self.document.text}", self._items_anew)
        for item in items:
            if item.name == self.target.name and not item.problems:
                return resolve_target(item.over(self.base), self.fresh)
        raise SettingsError(problems or [f"{self.document.text} has no target {self.target.name!r} any more"])

    def _items_anew(self) -> tuple[list[TargetEntry], list[str]]:
        problems: list[str] = []
        return read_entries(self.document, self.fresh, problems), problems


def resolve_target(values: Mapping[str, Value], lookup: ReferenceResolver) -> Target:
    """Return the target with references resolved and the endpoint known; raise SettingsError with every problem."""
    resolved, problems = resolve_values(values, lookup.fetch)
    unknown = frozenset(values.keys() - resolved.keys())
    # What could not be fetched is a problem already; the rules look at the rest.
    resolved = {**values, **resolved}
    if not resolved["endpoint"].text and "signing_region" in unknown:
        unknown |= {"endpoint"}
    elif not resolved["endpoint"].text:
        resolved["endpoint"], mistake = _account_endpoint(values["endpoint"], resolved["signing_region"], lookup)
        unknown |= {"endpoint"} if mistake else set()
        problems += [mistake] if mistake else []
    try:
        target = build_target(resolved, unknown=unknown)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from error
    refused = [*validate_auth(target), *validate_trust(target)]
    problems += [problem_message(BY_KEY[key], resolved[key], allowed) for key, allowed in refused if key not in unknown]
    if problems:
        raise SettingsError(problems)
    return target


def _account_endpoint(unset: Value, region: Value, lookup: ReferenceResolver) -> tuple[Value, str | None]:
    """Return the account's endpoint in the region that is signed for, or what is wrong with asking for it."""
    if region.text and not REGION_PATTERN.fullmatch(region.text):
        return unset, problem_message(BY_KEY["signing_region"], region, REGION_ALLOWED)
    try:
        return Value(text=lookup.endpoint(region.text), origin="iot:DescribeEndpoint"), None
    except ValueError as error:
        return unset, f"{unset.origin} is not set, and iot:DescribeEndpoint failed: {error}"
