"""The plan of a run: which targets the environment and the event ask for, and what is wrong with the others."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from connect_canary import authentication, trust
from connect_canary.dialling import Proxy
from connect_canary.proxies import Egress
from connect_canary.references import Lookup
from connect_canary.settings import (
    BY_KEY,
    SettingsError,
    Spell,
    Value,
    as_variable,
    did_you_mean,
    is_reference,
    problem,
    quoted,
    read_environment,
    with_defaults,
)
from connect_canary.targets import (
    REGION_ALLOWED,
    REGION_PATTERN,
    Item,
    Target,
    build,
    is_path,
    read_document,
    read_path,
    resolve,
)

DEFAULT_NAME = "iot-connect-canary"
MAX_CONCURRENT_CONNECTS = 1000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_PRIVATE = ("authorizer_name", "authorizer_username", "authorizer_token_key_name")
_CONCURRENT = re.compile(r"[1-9][0-9]{0,2}|1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A target that can run, its settings before references were resolved, and where these were written."""

    target: Target
    values: Mapping[str, Value]
    proxy: Proxy | None
    document: Value
    base: Mapping[str, Value]
    fresh: Lookup

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
            return _target(self.values, self.fresh)
        items, problems = self.fresh.once(f"the targets of {self.document.text}", self._items_anew)
        for item in items:
            if item.name == self.target.name and not item.problems:
                return _target(item.over(self.base), self.fresh)
        raise SettingsError(problems or [f"{self.document.text} has no target {self.target.name!r} any more"])

    def _items_anew(self) -> tuple[list[Item], list[str]]:
        problems: list[str] = []
        return _items(self.document, self.fresh, problems), problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do, and what is wrong with the targets that it leaves out."""

    canary: str
    planned: tuple[Planned, ...]
    max_concurrent_connects: int
    problems: tuple[str, ...] = ()
    dry_run: bool = False


def make_plan(
    event: object,
    environ: Mapping[str, str],
    *,
    until: float = math.inf,
    flags: Mapping[str, Value] | None = None,
    spell: Spell = as_variable,
) -> Plan:
    """Return the plan; raise SettingsError when the canary itself, the event or every target cannot be used.

    References are waited for `until` (seconds, `time.monotonic`). `flags` are settings that go over those of `environ`;
    `spell` says how to write what nobody has set.
    """
    asked, problems = _event(event)
    given, mistakes = read_environment(environ)
    problems += mistakes
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    name = environ.get("AWS_LAMBDA_FUNCTION_NAME", DEFAULT_NAME)
    base = with_defaults({**given, **(flags or {})}, spell, name=name, signing_region=region)
    known = Lookup(region, until=until)
    canary, concurrent = _canary_wide(base, known, problems)
    egress = _egress(environ, problems)
    document = _document(asked, canary, base["targets"], problems)
    items = _items(document, known, problems)
    items = _only(asked.get("only"), items, problems, spell("only"))
    base["targets"] = document
    planned, mistakes = _planned(items, base, known, egress)
    if problems or not planned:
        raise SettingsError([*problems, *mistakes])
    return Plan(
        canary=canary,
        planned=tuple(planned),
        max_concurrent_connects=concurrent,
        problems=tuple(mistakes),
        dry_run=bool(asked.get("dry_run")),
    )


def _event(event: object) -> tuple[Mapping[str, object], list[str]]:
    """Return the event's members, whatever else a schedule has put beside those that are meant for the canary."""
    if not isinstance(event, Mapping):
        return {}, [f"the event is {quoted(event)}; allowed: a JSON object"]
    dry_run = event.get("dry_run")
    if dry_run is None or isinstance(dry_run, bool):
        return event, []
    return event, [f"event.dry_run is {quoted(dry_run)}; allowed: true, false"]


def _canary_wide(base: Mapping[str, Value], known: Lookup, problems: list[str]) -> tuple[str, int]:
    """Return the canary's name and how many targets it connects to at the same time."""
    wide = {key: base[key] for key in ("name", "max_concurrent_connects")}
    resolved, mistakes = resolve(wide, known.fetch)
    problems += mistakes
    name, concurrent = resolved.get("name"), resolved.get("max_concurrent_connects")
    if name and not _NAME.fullmatch(name.text):
        problems.append(problem(BY_KEY["name"], name, "allowed: 1 to 128 of A-Z a-z 0-9 _ . -"))
    if concurrent and not _CONCURRENT.fullmatch(concurrent.text):
        allowed = f"allowed: a whole number from 1 to {MAX_CONCURRENT_CONNECTS}"
        problems.append(problem(BY_KEY["max_concurrent_connects"], concurrent, allowed))
        concurrent = None
    return name.text if name else DEFAULT_NAME, int(concurrent.text) if concurrent else 1


def _egress(environ: Mapping[str, str], problems: list[str]) -> Egress:
    try:
        return Egress.of(environ)
    except SettingsError as error:
        problems += error.problems
        return Egress()


def _document(event: Mapping[str, object], canary: str, configured: Value, problems: list[str]) -> Value:
    """Return where the targets come from: the event may choose another document in the canary's own place."""
    asked = event.get("targets")
    if asked is None:
        return configured
    own = f"ssm:/iot-connect-canary/{canary}/"
    if not isinstance(asked, str) or not asked.startswith(own) or ".." in asked:
        problems.append(f"event.targets is {quoted(asked)}; allowed: a reference that begins with {own}")
        return configured
    return Value(text=asked, origin="event.targets")


def _items(document: Value, known: Lookup, problems: list[str]) -> list[Item]:
    """Return each target's own settings."""
    text, origin = document.text, document.origin
    if not text:
        return [Item(place="", values={})]
    try:
        if is_path(text):
            return read_path(known.below(text), text)
        items, mistakes = read_document(known.fetch(text) if is_reference(text) else text, origin)
    except ValueError as error:
        problems.append(f"{origin} refers to {text}: {error}" if is_reference(text) else str(error))
        return []
    problems += mistakes
    return [_private(item) for item in items] if text.startswith("secretsmanager:") else items


def _private(item: Item) -> Item:
    """Return an entry of a secret, whose names are told as little as those that are secrets by themselves."""
    hidden = {key: replace(item.values[key], referenced=True) for key in _PRIVATE if key in item.values}
    return replace(item, values={**item.values, **hidden})


def _only(wanted: object, items: list[Item], problems: list[str], where: str) -> list[Item]:
    """Return the items that the event names, and those that have no name; every one when it names none."""
    if wanted is None or not items:
        return items
    if not isinstance(wanted, list) or not wanted or not all(isinstance(name, str) for name in wanted):
        problems.append(f"{where} is {quoted(wanted)}; allowed: a list of names of targets")
        return items
    known = dict.fromkeys(item.name for item in items if item.name is not None)
    problems += [
        f"{where} names {quoted(name)}, which is no target; {did_you_mean(name, known)}"
        for name in wanted
        if name not in known
    ]
    asked = {None, *wanted}
    return [item for item in items if item.name in asked]


def _planned(
    items: Iterable[Item], base: Mapping[str, Value], known: Lookup, egress: Egress
) -> tuple[list[Planned], list[str]]:
    """Return the targets that the items describe over the variables, and what is wrong with the others."""
    planned: list[Planned] = []
    mistakes: list[str] = []
    fresh = known.anew()
    layered = [(item, item.over(base)) for item in items]
    known.prefetch(
        value.text
        for item, values in layered
        for value in values.values()
        if not item.unreadable and is_reference(value.text)
    )
    for item, values in layered:
        mistakes += item.problems
        if item.unreadable:
            continue
        try:
            target = _target(values, known)
        except SettingsError as error:
            mistakes += error.problems
            continue
        if not item.problems:
            proxy, document = egress.proxy_to(target.host, target.port), base["targets"]
            planned.append(
                Planned(target=target, values=values, proxy=proxy, document=document, base=base, fresh=fresh)
            )
    return _without_shared_client_ids(planned, mistakes), mistakes


def _target(values: Mapping[str, Value], lookup: Lookup) -> Target:
    """Return the target with references resolved and the endpoint known; raise SettingsError with every problem."""
    resolved, problems = resolve(values, lookup.fetch)
    unknown = frozenset(values.keys() - resolved.keys())
    # What could not be fetched is a problem already; the rules look at the rest.
    resolved = {**values, **resolved}
    if not resolved["endpoint"].text and "signing_region" in unknown:
        unknown |= {"endpoint"}
    elif not resolved["endpoint"].text:
        resolved["endpoint"], mistake = _own_endpoint(values["endpoint"], resolved["signing_region"], lookup)
        unknown |= {"endpoint"} if mistake else set()
        problems += [mistake] if mistake else []
    try:
        target = build(resolved, unknown=unknown)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from error
    refused = [*authentication.problems(target), *trust.problems(target)]
    problems += [problem(BY_KEY[key], resolved[key], allowed) for key, allowed in refused if key not in unknown]
    if problems:
        raise SettingsError(problems)
    return target


def _own_endpoint(unset: Value, region: Value, lookup: Lookup) -> tuple[Value, str | None]:
    """Return the account's endpoint in the region that is signed for, or what is wrong with asking for it."""
    if region.text and not REGION_PATTERN.fullmatch(region.text):
        return unset, problem(BY_KEY["signing_region"], region, REGION_ALLOWED)
    try:
        return Value(text=lookup.endpoint(region.text), origin="iot:DescribeEndpoint"), None
    except ValueError as error:
        return unset, f"{unset.origin} is not set, and iot:DescribeEndpoint failed: {error}"


def _without_shared_client_ids(planned: Iterable[Planned], mistakes: list[str]) -> list[Planned]:
    """Return those that share no fixed client id at one endpoint, where the broker would end the older client."""
    first: dict[tuple[str, str], str] = {}
    kept: list[Planned] = []
    for plan in planned:
        target = plan.target
        holder = target.name
        if target.client_id:
            holder = first.setdefault((target.endpoint.lower(), target.client_id), target.name)
        if holder == target.name:
            kept.append(plan)
            continue
        mistakes.append(
            f"{plan.values['client_id'].origin} is {quoted(target.client_id)} for target {target.name!r}; "
            f"target {holder!r} uses it at the same endpoint, and the second client would end the first"
        )
    return kept
