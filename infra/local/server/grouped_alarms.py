"""Alarms on a query with GROUP BY, which keep a state for each series (a contributor). Pure functions.

From the CloudWatch user guide, "Create a CloudWatch alarm based on a Metrics Insights query", and its quotas: a
contributor is in ALARM or OK; missing datapoints of a series are treated as the alarm says; a series that the query no
longer returns is OK; without any series the treatment decides the state of the alarm; at most 100 are in ALARM.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from infra.local.server.alarm_metrics import GroupedRule
from infra.local.server.alarm_rules import (
    COMPARISONS,
    Rule,
    State,
    TreatMissingData,
    datapoints,
    evaluate,
    evaluation_range,
)
from infra.local.server.metrics_insights import MAX_SERIES, Group, Series, select

MAX_IN_ALARM = 100
NO_DATA = "No data was returned for this contributor"

# As real alarms word it (observed), which is not how the property spells it.
_TREATMENTS: Mapping[TreatMissingData, str] = {
    TreatMissingData.MISSING: "Missing",
    TreatMissingData.IGNORE: "Ignore",
    TreatMissingData.BREACHING: "Breaching",
    TreatMissingData.NOT_BREACHING: "NonBreaching",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """The state of one series; `attributes` are the values of the GROUP BY keys."""

    attributes: Mapping[str, str]
    state: State
    reason: str
    since: float

    @property
    def id(self) -> str:
        """The contributor's id: 16 characters that follow from its attributes."""
        return contributor_id(self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedEvaluation:
    """The alarm's own state and reason, its contributors, those that changed, and whether series were left out."""

    state: State
    reason: str
    contributors: tuple[Contributor, ...]
    changes: tuple[Contributor, ...]
    partial: bool


def contributor_id(attributes: Mapping[str, str]) -> str:
    """Return the id of the contributor with these attributes."""
    text = json.dumps(dict(attributes), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def evaluate_grouped(
    grouped: GroupedRule, metrics: Iterable[Series], now: float, *, known: Sequence[Contributor], state: State
) -> GroupedEvaluation:
    """Return the evaluation of a query over `metrics`, whose samples may be of any age.

    `known` and `state` are the contributors and the alarm's state of the evaluation before.
    """
    query, rule = grouped.query, grouped.rule
    groups = select(query, (_in_range(series, rule, now) for series in metrics))
    before = {contributor.id: contributor for contributor in known}
    contributors = tuple(_limited(_evaluated(groups[: query.limit], rule, now, before), before))
    returned = {contributor.id for contributor in contributors}
    gone = [c for c in known if c.id not in returned and c.state is State.ALARM]
    changed = [c for c in contributors if c.state is not _state_of(before, c.id)]
    recovered = [replace(c, state=State.OK, reason=NO_DATA, since=now) for c in gone]
    return GroupedEvaluation(
        state=_alarm_state(contributors, rule, state),
        reason=_alarm_reason(contributors, rule),
        contributors=contributors,
        changes=(*changed, *recovered),
        partial=len(groups) > MAX_SERIES,
    )


def _in_range(series: Series, rule: Rule, now: float) -> Series:
    """Return a metric with the samples of the evaluation range only, which decide order and membership too."""
    start, end = evaluation_range(rule, now)
    return replace(series, samples=[s for s in series.samples if start <= s.timestamp < end])


def _state_of(contributors: Mapping[str, Contributor], identifier: str) -> State:
    """Return a contributor's state; a new series begins as OK."""
    return contributors[identifier].state if identifier in contributors else State.OK


def _evaluated(
    groups: Sequence[Group], rule: Rule, now: float, before: Mapping[str, Contributor]
) -> Iterator[Contributor]:
    for group in groups:
        points = datapoints(group.samples, rule, now)
        old = before.get(contributor_id(group.attributes))
        current = old.state if old else State.OK
        state = evaluate(points, rule, current).state
        if state is State.INSUFFICIENT_DATA:
            state = current
        if old is not None and state is current:
            yield old
        else:
            reason = _reason(points, rule, now, state)
            yield Contributor(attributes=group.attributes, state=state, reason=reason, since=now)


def _limited(contributors: Iterator[Contributor], before: Mapping[str, Contributor]) -> Iterator[Contributor]:
    """Let at most 100 contributors be in ALARM: those that are, and then the first ones in the query's order."""
    everyone = list(contributors)
    alarming = [c for c in everyone if c.state is State.ALARM]
    alarming.sort(key=lambda c: _state_of(before, c.id) is not State.ALARM)
    allowed = {c.id for c in alarming[:MAX_IN_ALARM]}
    for contributor in everyone:
        is_too_many = contributor.state is State.ALARM and contributor.id not in allowed
        yield replace(contributor, state=State.OK) if is_too_many else contributor


def _reason(points: Sequence[float | None], rule: Rule, now: float, state: State) -> str:
    """Return the short reason of a contributor: a count of datapoints, and the latest of them with its time."""
    breaches, comparison = COMPARISONS[rule.comparison]
    _, end = evaluation_range(rule, now)
    window = list(enumerate(points))[-rule.evaluation_periods :]
    used = [
        (end - (len(points) - index) * rule.period, point)
        for index, point in window
        if point is not None and breaches(point, rule.threshold) is (state is State.ALARM)
    ]
    words = ("datapoint was", "datapoint") if len(used) == 1 else ("datapoints were", "datapoints")
    reason = (
        f"Threshold Crossed: {len(used)} {words[0]} {'' if state is State.ALARM else 'not '}{comparison} "
        f"the threshold ({float(rule.threshold)})."
    )
    if not used:
        return reason
    at, value = used[-1]
    time = datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")
    crossed = "crossed" if state is State.ALARM else "did not cross"
    return f"{reason} The most recent {words[1]} which {crossed} the threshold: [{float(value)} ({time})]."


def _alarm_state(contributors: Sequence[Contributor], rule: Rule, current: State) -> State:
    if contributors:
        return State.ALARM if any(c.state is State.ALARM for c in contributors) else State.OK
    return {
        TreatMissingData.BREACHING: State.ALARM,
        TreatMissingData.NOT_BREACHING: State.OK,
        TreatMissingData.IGNORE: current,
        TreatMissingData.MISSING: State.INSUFFICIENT_DATA,
    }[rule.missing]


def _alarm_reason(contributors: Sequence[Contributor], rule: Rule) -> str:
    count, alarming = len(contributors), sum(c.state is State.ALARM for c in contributors)
    if not contributors:
        treatment = _TREATMENTS[rule.missing]
        return f"No time series were returned by the query. Treat missing data is configured as [{treatment}]."
    if not alarming:
        return f"{count} time series evaluated to OK"
    if alarming >= MAX_IN_ALARM:
        return f"{MAX_IN_ALARM}+ time series evaluated to ALARM"
    return f"{alarming} out of {count} time series evaluated to ALARM"
