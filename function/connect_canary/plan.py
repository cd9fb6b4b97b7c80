"""The plan of a run: which targets the environment and the event ask for, and what is wrong with the others."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connect_canary import connections, references
from connect_canary.proxies import egress_proxy
from connect_canary.settings import (
    BY_KEY,
    SettingsError,
    Value,
    did_you_mean,
    is_reference,
    problem,
    read_environment,
    with_defaults,
)
from connect_canary.targets import Item, Target, build, is_path, read_document, read_path, resolve
from connect_canary.tunnel import Proxy

DEFAULT_NAME = "iot-connect-canary"
MAX_CONCURRENT_CONNECTS = 1000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A target that can run, and its settings before references were resolved."""

    target: Target
    values: Mapping[str, Value]
    proxy: Proxy | None

    @property
    def has_references(self) -> bool:
        """Tell whether any of its settings is read from elsewhere."""
        return any(is_reference(value.text) for value in self.values.values())

    def refreshed(self) -> Target:
        """Return the same target with every reference fetched anew; raise SettingsError."""
        return _target(self.values, fresh=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do, and what is wrong with the targets that it leaves out."""

    canary: str
    planned: tuple[Planned, ...]
    max_concurrent_connects: int
    problems: tuple[str, ...] = ()


def make_plan(event: Mapping[str, Any], environ: Mapping[str, str]) -> Plan:
    """Return the plan; raise SettingsError when the canary itself, the event or every target cannot be used."""
    given, problems = read_environment(environ)
    base = with_defaults(
        given,
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", DEFAULT_NAME),
        signing_region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
    )
    canary = _canary_name(base["name"], problems)
    concurrent = _max_concurrent_connects(base["max_concurrent_connects"], problems)
    items, mistakes = _items(_document(event, canary, base["targets"], problems), problems)
    items = _only(event.get("only"), items, problems)
    planned = [_planned(item, base, environ, mistakes) for item in items]
    usable = _without_shared_client_ids([p for p in planned if p is not None], mistakes)
    if problems or not usable:
        raise SettingsError([*problems, *mistakes])
    return Plan(canary=canary, planned=tuple(usable), max_concurrent_connects=concurrent, problems=tuple(mistakes))


def _canary_name(value: Value, problems: list[str]) -> str:
    if not _NAME.fullmatch(value.text):
        problems.append(problem(BY_KEY["name"], value, "allowed: 1 to 128 of A-Z a-z 0-9 _ . -"))
    return value.text


def _max_concurrent_connects(value: Value, problems: list[str]) -> int:
    if value.text.isascii() and value.text.isdigit() and 1 <= int(value.text) <= MAX_CONCURRENT_CONNECTS:
        return int(value.text)
    allowed = f"allowed: a whole number from 1 to {MAX_CONCURRENT_CONNECTS}"
    problems.append(problem(BY_KEY["max_concurrent_connects"], value, allowed))
    return 1


def _document(event: Mapping[str, Any], canary: str, configured: Value, problems: list[str]) -> Value:
    """Return where the targets come from: the event may choose another document in the canary's own place."""
    asked = event.get("targets")
    if asked is None:
        return configured
    own = f"ssm:/iot-connect-canary/{canary}/"
    if not isinstance(asked, str) or not asked.startswith(own) or ".." in asked:
        problems.append(f"event.targets is {asked!r}; allowed: a reference that begins with {own}")
        return configured
    return Value(text=asked, origin="event.targets")


def _items(document: Value, problems: list[str]) -> tuple[list[Item], list[str]]:
    """Return each target's own settings, and what is wrong with single targets."""
    text, origin = document.text, document.origin
    if not text:
        return [Item(place="", values={})], []
    try:
        if is_path(text):
            items, mistakes = read_path(references.fetch_path(text), text)
        else:
            items, mistakes = read_document(references.fetch(text) if is_reference(text) else text, origin)
    except ValueError as error:
        problems.append(f"{origin} refers to {text}: {error}" if is_reference(text) else str(error))
        return [], []
    return _without_shared_names(items, mistakes), mistakes


def _without_shared_names(items: Iterable[Item], mistakes: list[str]) -> list[Item]:
    first: dict[str, Item] = {}
    for item in items:
        if item.name in first:
            mistakes.append(f"{item.place}.name is {item.name!r}; {first[item.name].place} has that name already")
        else:
            first[item.name] = item
    return list(first.values())


def _only(wanted: object, items: list[Item], problems: list[str]) -> list[Item]:
    """Return the items that the event names; every one when it names none."""
    if wanted is None:
        return items
    if not isinstance(wanted, list) or not wanted or not all(isinstance(name, str) for name in wanted):
        problems.append(f"event.only is {wanted!r}; allowed: a list of names of targets")
        return items
    known = {item.name: item for item in items}
    for name in wanted:
        if name not in known:
            problems.append(f"event.only names {name!r}, which is no target; {did_you_mean(name, known)}")
    return [item for name, item in known.items() if name in wanted]


def _planned(
    item: Item, base: Mapping[str, Value], environ: Mapping[str, str], mistakes: list[str]
) -> Planned | None:
    """Return the target that an item describes over the variables; None when it cannot be used."""
    values = {**item.under(base), **item.values}
    try:
        target = _target(values)
        proxy = egress_proxy(target.host, environ)
    except SettingsError as error:
        mistakes += error.problems
        return None
    return None if item.broken else Planned(target=target, values=values, proxy=proxy)


def _target(values: Mapping[str, Value], *, fresh: bool = False) -> Target:
    """Return the target with references resolved and the endpoint known; raise SettingsError with every problem."""
    resolved, problems = resolve(values, lambda reference: references.fetch(reference, fresh=fresh))
    if not resolved.get("endpoint", values["endpoint"]).text:
        resolved["endpoint"] = _own_endpoint(values["endpoint"], problems)
    if problems:
        # What could not be fetched is a problem already; the rules look at the rest.
        resolved = {**values, **resolved}
    try:
        target = build(resolved, unknown=frozenset(key for key in values if is_reference(resolved[key].text)))
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from error
    problems += [f"{values[key].origin} {said}" for key, said in connections.check(target)]
    if problems:
        raise SettingsError(problems)
    return target


def _own_endpoint(unset: Value, problems: list[str]) -> Value:
    try:
        return Value(text=references.describe_endpoint(), origin="iot:DescribeEndpoint")
    except ValueError as error:
        problems.append(f"{unset.origin} is not set, and iot:DescribeEndpoint failed: {error}")
        return Value(text="unknown.invalid", origin=unset.origin)


def _without_shared_client_ids(planned: Iterable[Planned], mistakes: list[str]) -> list[Planned]:
    """Return those that share no fixed client id at one endpoint, where the broker would end the older client."""
    first: dict[tuple[str, str], str] = {}
    kept: list[Planned] = []
    for plan in planned:
        target = plan.target
        holder = first.setdefault((target.endpoint, target.client_id or f"any {target.name}"), target.name)
        if holder == target.name:
            kept.append(plan)
        else:
            origin = plan.values["client_id"].origin
            mistakes.append(
                f"{origin} is {target.client_id!r} for target {target.name!r}; target {holder!r} uses it at the same "
                "endpoint, and the second client would end the first"
            )
    return kept

