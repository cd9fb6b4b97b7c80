"""The plan of a run: the targets that can run, and the problems of the others."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connect_canary.config.environment import NameFormat, environment_name, read_environment, with_defaults
from connect_canary.config.event import read_event, select_document, select_entries
from connect_canary.config.planned_target import PlannedTarget, read_entries, resolve_target
from connect_canary.config.problems import SettingsError, abbreviated_repr, problem_message
from connect_canary.config.proxy_settings import ProxySettings
from connect_canary.config.references import ReferenceResolver, resolve_values
from connect_canary.config.settings import BY_KEY
from connect_canary.config.targets_document import TargetEntry
from connect_canary.config.values import Value, is_reference

DEFAULT_NAME = "iot-connect-canary"
MAX_CONCURRENT_CONNECTS = 1000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CONCURRENT = re.compile(r"[1-9][0-9]{0,2}|1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do, and what is wrong with the targets that it leaves out."""

    canary: str
    planned: tuple[PlannedTarget, ...]
    max_concurrent_connects: int
    problems: tuple[str, ...] = ()
    dry_run: bool = False


def make_plan(
    event: object,
    environ: Mapping[str, str],
    *,
    until: float = math.inf,
    flags: Mapping[str, Value] | None = None,
    spell: NameFormat = environment_name,
) -> Plan:
    """Return the plan; raise SettingsError when the canary itself, the event or every target cannot be used.

    References are waited for `until` (seconds, `time.monotonic`). `flags` are settings that go over those of `environ`;
    `spell` says how to write what nobody has set.
    """
    asked, problems = read_event(event)
    given, mistakes = read_environment(environ)
    problems += mistakes
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    name = environ.get("AWS_LAMBDA_FUNCTION_NAME", DEFAULT_NAME)
    base = with_defaults({**given, **(flags or {})}, spell, name=name, signing_region=region)
    known = ReferenceResolver(region, until=until)
    canary, concurrent = _global_settings(base, known, problems)
    egress = _proxy_settings(environ, problems)
    document = select_document(asked, canary, base["targets"], problems)
    items = read_entries(document, known, problems)
    items = select_entries(asked.get("only"), items, problems, spell("only"))
    base["targets"] = document
    planned, mistakes = _plan_targets(items, base, known, egress)
    if problems or not planned:
        raise SettingsError([*problems, *mistakes])
    return Plan(
        canary=canary,
        planned=tuple(planned),
        max_concurrent_connects=concurrent,
        problems=tuple(mistakes),
        dry_run=bool(asked.get("dry_run")),
    )


def _global_settings(base: Mapping[str, Value], known: ReferenceResolver, problems: list[str]) -> tuple[str, int]:
    """Return the canary's name and how many targets it connects to at the same time."""
    wide = {key: base[key] for key in ("name", "max_concurrent_connects")}
    resolved, mistakes = resolve_values(wide, known.fetch)
    problems += mistakes
    name, concurrent = resolved.get("name"), resolved.get("max_concurrent_connects")
    if name and not _NAME.fullmatch(name.text):
        problems.append(problem_message(BY_KEY["name"], name, "allowed: 1 to 128 of A-Z a-z 0-9 _ . -"))
    if concurrent and not _CONCURRENT.fullmatch(concurrent.text):
        allowed = f"allowed: a whole number from 1 to {MAX_CONCURRENT_CONNECTS}"
        problems.append(problem_message(BY_KEY["max_concurrent_connects"], concurrent, allowed))
        concurrent = None
    return name.text if name else DEFAULT_NAME, int(concurrent.text) if concurrent else 1


def _proxy_settings(environ: Mapping[str, str], problems: list[str]) -> ProxySettings:
    try:
        return ProxySettings.of(environ)
    except SettingsError as error:
        problems += error.problems
        return ProxySettings()


def _plan_targets(
    items: Iterable[TargetEntry], base: Mapping[str, Value], known: ReferenceResolver, egress: ProxySettings
) -> tuple[list[PlannedTarget], list[str]]:
    """Return the targets that the items describe over the variables, and what is wrong with the others."""
    planned: list[PlannedTarget] = []
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
            target = resolve_target(values, known)
        except SettingsError as error:
            mistakes += error.problems
            continue
        if not item.problems:
            proxy, document = egress.proxy_to(target.host, target.port), base["targets"]
            planned.append(
                PlannedTarget(target=target, values=values, proxy=proxy, document=document, base=base, fresh=fresh)
            )
    return _reject_shared_client_ids(planned, mistakes), mistakes


def _reject_shared_client_ids(planned: Iterable[PlannedTarget], mistakes: list[str]) -> list[PlannedTarget]:
    """Return those that share no fixed client id at one endpoint, where the broker would end the older client."""
    first: dict[tuple[str, str], str] = {}
    kept: list[PlannedTarget] = []
    for plan in planned:
        target = plan.target
        holder = target.name
        if target.client_id:
            holder = first.setdefault((target.endpoint.lower(), target.client_id), target.name)
        if holder == target.name:
            kept.append(plan)
            continue
        mistakes.append(
            f"{plan.values['client_id'].origin} is {abbreviated_repr(target.client_id)} for target {target.name!r}; "
            f"target {holder!r} uses it at the same endpoint, and the second client would end the first"
        )
    return kept
