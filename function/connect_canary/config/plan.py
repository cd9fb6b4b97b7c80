"""The plan of a run: the targets that can run, and the problems of the others."""

import math
import time
from collections.abc import Iterable, Mapping

from connect_canary.config.confinement import Confinement
from connect_canary.config.entries import read_entries
from connect_canary.config.environment import NameFormat, environment_name, read_environment, with_defaults
from connect_canary.config.event import read_event, select_document, select_entries, shard_name
from connect_canary.config.global_settings import DEFAULT_NAME, read_global_settings
from connect_canary.config.heartbeat_settings import read_heartbeat
from connect_canary.config.planned_target import PlannedTarget, TargetCheck, TargetResolver
from connect_canary.config.problems import SettingsError, abbreviated_repr
from connect_canary.config.proxy_settings import ProxySettings
from connect_canary.config.references import ReferenceResolver
from connect_canary.config.targets_document import TargetEntry
from connect_canary.config.values import Value
from connect_canary.model.frozen import frozen
from connect_canary.reporting.heartbeat import Heartbeat

# Time that the targets' settings may be checked for once their references are read; 2,000 targets take 0.1 s.
_CHECKING_S = 2.0


@frozen
class Plan:
    """What a run does, and the problems of the targets that it leaves out.

    `shard` names the targets document if it is the event that names one.
    """

    canary: str
    planned: tuple[PlannedTarget, ...]
    max_concurrent_connects: int
    problems: tuple[str, ...]
    dry_run: bool
    shard: str | None
    heartbeat: Heartbeat | None


def make_plan(  # noqa: PLR0913 - all but the event and the environment are keywords
    event: object,
    environ: Mapping[str, str],
    *,
    checks: tuple[TargetCheck, ...],
    deadline: float = math.inf,
    arguments: Mapping[str, Value] | None = None,
    format_name: NameFormat = environment_name,
) -> Plan:
    """Return the plan; raise SettingsError if the canary itself, the event or every target cannot be used.

    `checks` are those of the SDK. References are read until `deadline` (seconds, `time.monotonic`). `arguments` are
    settings that override those of `environ`; `format_name` says how the user writes a setting that is not set.
    """
    members, problems = read_event(event)
    values, mistakes = read_environment(environ)
    problems += mistakes
    base = _base_settings(environ, {**values, **(arguments or {})}, format_name)
    references = ReferenceResolver(_region(environ), deadline=deadline)
    own = read_global_settings(base, references, problems)
    base["targets"] = select_document(members, own.name, base["targets"], problems)
    entries = read_entries(base["targets"], references, problems)
    entries = select_entries(members.get("only"), entries, problems, format_name("only"))
    proxy_settings = _proxy_settings(environ, references, problems)
    confinement = Confinement(
        endpoint=base["endpoint"],
        signing_region=base["signing_region"],
        allowed=own.allowed_endpoints,
        references=references,
    )
    resolver = TargetResolver(references=references, confinement=confinement, checks=checks)
    planned, mistakes = _plan_targets(entries, base, resolver, proxy_settings, deadline + _CHECKING_S)
    # A heartbeat that cannot be used leaves the targets their run.
    heartbeat = read_heartbeat(base["heartbeat_url"], references, proxy_settings, mistakes)
    if problems or not planned:
        raise SettingsError([*problems, *mistakes])
    return Plan(
        canary=own.name,
        planned=tuple(planned),
        max_concurrent_connects=own.max_concurrent_connects,
        problems=tuple(mistakes),
        dry_run=bool(members.get("dry_run")),
        shard=shard_name(members),
        heartbeat=heartbeat,
    )


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


def _base_settings(
    environ: Mapping[str, str], values: Mapping[str, Value], format_name: NameFormat
) -> dict[str, Value]:
    """Return `values` over the defaults, some of which Lambda's environment knows."""
    name = environ.get("AWS_LAMBDA_FUNCTION_NAME", DEFAULT_NAME)
    return with_defaults(values, format_name, name=name, signing_region=_region(environ))


def _proxy_settings(environ: Mapping[str, str], references: ReferenceResolver, problems: list[str]) -> ProxySettings:
    try:
        return ProxySettings.from_environment(environ, references.fetch)
    except SettingsError as error:
        problems += error.problems
        return ProxySettings()


def _plan_targets(
    entries: Iterable[TargetEntry],
    base: Mapping[str, Value],
    resolver: TargetResolver,
    proxy_settings: ProxySettings,
    deadline: float,
) -> tuple[list[PlannedTarget], list[str]]:
    """Return the targets that can run, and the problems of the others."""
    planned: list[PlannedTarget] = []
    problems: list[str] = []
    refreshing = resolver.refreshing()
    merged = [(entry, entry.merged_with(base)) for entry in entries]
    used = [values for entry, values in merged if not entry.unparsable]
    resolver.references.prefetch(value.text for values in used for value in values.values() if value.is_reference)
    for index, (entry, values) in enumerate(merged):
        if time.monotonic() > deadline:
            problems.append(f"{len(merged) - index:,} targets were not read in the time that a run has for settings")
            break
        problems += entry.problems
        if entry.unparsable:
            continue
        try:
            target = resolver.resolve(values)
        except SettingsError as error:
            problems += error.problems
            continue
        if not entry.problems:
            proxy = proxy_settings.proxy_for(target.host, target.port)
            planned.append(
                PlannedTarget(
                    target=target, values=values, proxy=proxy, document=base["targets"], base=base, resolver=refreshing
                )
            )
    return _reject_shared_client_ids(planned, problems), problems


def _reject_shared_client_ids(planned: Iterable[PlannedTarget], problems: list[str]) -> list[PlannedTarget]:
    """Return the targets without those that share a fixed client id at one endpoint; their problems are appended.

    The broker would disconnect the older of two clients with the same id.
    """
    owner_by_client: dict[tuple[str, str], str] = {}
    valid: list[PlannedTarget] = []
    for candidate in planned:
        target = candidate.target
        owner = target.name
        if target.client_id:
            owner = owner_by_client.setdefault((target.endpoint.lower(), target.client_id), target.name)
        if owner == target.name:
            valid.append(candidate)
            continue
        problems.append(
            f"{candidate.values['client_id'].origin} is {abbreviated_repr(target.client_id)} for target "
            f"{target.name!r}; target {owner!r} uses it at the same endpoint, and the second client would end the first"
        )
    return valid
