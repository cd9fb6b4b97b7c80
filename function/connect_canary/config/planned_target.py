"""A target that can run, and how it is resolved from its settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from connect_canary.config.confinement import Confinement
from connect_canary.config.entries import masked_fields, read_entries
from connect_canary.config.problems import SettingsError, problem_message
from connect_canary.config.references import ReferenceResolver, resolve_values
from connect_canary.config.target_validator import REGION_ALLOWED, REGION_PATTERN, build_target
from connect_canary.config.targets_document import TargetEntry
from connect_canary.config.values import Value
from connect_canary.model.frozen import frozen
from connect_canary.model.target import Target
from connect_canary.network.proxy import Proxy

# Returns the keys of settings that the SDK cannot use, each with what is allowed.
TargetCheck = Callable[[Target], Iterable[tuple[str, str]]]


@frozen
class TargetResolver:
    """Resolves settings to a target: references, endpoint, confinement, validation, and the `checks` of the SDK."""

    references: ReferenceResolver
    confinement: Confinement
    checks: tuple[TargetCheck, ...]

    def refreshing(self) -> "TargetResolver":
        """Return a resolver that bypasses the cache of references."""
        return replace(self, references=self.references.refreshing())

    def resolve(self, values: Mapping[str, Value]) -> Target:
        """Return the target; raise SettingsError with every problem."""
        resolved, problems = resolve_values(values, self.references.fetch, self.references.holds_secret)
        # What could not be fetched is a problem already; the rest is still validated.
        unknown = set(values.keys() - resolved.keys())
        resolved = {**values, **resolved}
        self._set_endpoint(resolved, unknown, problems)
        if "endpoint" not in unknown:
            resolved = self.confinement.confine(resolved, problems)
        try:
            target = build_target(resolved, unknown=frozenset(unknown))
        except SettingsError as error:
            raise SettingsError([*problems, *error.problems]) from error
        refused = [refusal for check in self.checks for refusal in check(target)]
        problems += [problem_message(resolved[key], allowed) for key, allowed in refused if key not in unknown]
        if problems:
            raise SettingsError(problems)
        return target

    def _set_endpoint(self, values: dict[str, Value], unknown: set[str], problems: list[str]) -> None:
        """Set an empty endpoint to the account's in the signing region, or add it to `unknown`."""
        if values["endpoint"].is_set:
            return
        if "signing_region" in unknown:
            unknown.add("endpoint")
            return
        try:
            values["endpoint"] = self._account_endpoint(values["endpoint"], values["signing_region"])
        except ValueError as error:
            unknown.add("endpoint")
            problems.append(str(error))

    def _account_endpoint(self, unset: Value, region: Value) -> Value:
        if region.text and not REGION_PATTERN.fullmatch(region.text):
            raise ValueError(problem_message(region, REGION_ALLOWED))
        try:
            address = self.references.account_endpoint(region.text)
            return Value(text=address, origin="iot:DescribeEndpoint", author=unset.author)
        except ValueError as error:
            raise ValueError(f"{unset.origin} is not set, and iot:DescribeEndpoint failed: {error}") from error


@frozen
class PlannedTarget:
    """A target that can run, and what it was resolved from.

    `values` are its settings before references were resolved; `document` is the targets document and `base` the
    settings that its entries inherit. `resolver` bypasses the cache.
    """

    target: Target
    values: Mapping[str, Value]
    proxy: Proxy | None
    document: Value
    base: Mapping[str, Value]
    resolver: TargetResolver

    def as_dict(self) -> dict[str, object]:
        """Return the target for display; authorizer fields that came from a reference are masked."""
        return self.target.as_dict(masked_fields(self.values))

    @property
    def has_references(self) -> bool:
        """Whether any of its settings is read from a reference."""
        return any(value.is_reference for value in (self.document, *self.values.values()))

    def refresh(self) -> Target:
        """Return the same target with its document and references fetched again; raise SettingsError."""
        if not self.document.is_reference:
            return self.resolver.resolve(self.values)
        entries, problems = self.resolver.references.memoize(f"entries of {self.document.text}", self._read_entries)
        for entry in entries:
            if entry.name == self.target.name and not entry.problems:
                return self.resolver.resolve(entry.merged_with(self.base))
        raise SettingsError(problems or [f"{self.document.text} has no target {self.target.name!r} any more"])

    def _read_entries(self) -> tuple[list[TargetEntry], list[str]]:
        problems: list[str] = []
        return read_entries(self.document, self.resolver.references, problems), problems
