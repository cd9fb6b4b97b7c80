"""The alarm mute rules of the account, and the operations on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.mute_rules import MuteRule, MuteStatus, mute_rule_of

_KNOWN_SETTINGS = frozenset({"Name", "Description", "Rule", "MuteTargets", "Tags", "StartDate", "ExpireDate"})


class NoSuchRuleError(LookupError):
    """There is no mute rule of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    rule: MuteRule
    request: Mapping[str, Any]
    updated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteRules:
    """Every mute rule by name; `speed` divides their durations."""

    speed: float = 1.0
    _rules: dict[str, _Stored] = field(default_factory=dict)

    def muting(self, alarm: str, now: float) -> str:
        """Return the name of a rule that mutes an alarm, empty without one."""
        time = datetime.fromtimestamp(now, UTC)
        found = (s.rule.name for s in self._rules.values() if alarm in s.rule.alarms and s.rule.is_active(time))
        return next(found, "")

    def put(self, request: Mapping[str, Any], now: float) -> str:
        """Create or replace a rule and return its ARN; raise ValueError if it is not valid."""
        unknown = sorted(request.keys() - _KNOWN_SETTINGS)
        if unknown:
            raise ValueError(f"The local AWS does not know {', '.join(unknown)} of a mute rule.")
        rule = mute_rule_of(request, self.speed)
        self._rules[rule.name] = _Stored(rule=rule, request=dict(request), updated=now)
        return arn_of(rule.name)

    def delete(self, name: str) -> None:
        """Delete a rule, if there is one: its alarms act again at once."""
        self._rules.pop(name, None)

    def describe(self, name: str, now: float) -> dict[str, Any]:
        """Return a rule as GetAlarmMuteRule does, or raise `NoSuchRuleError`."""
        if name not in self._rules:
            raise NoSuchRuleError(f"There is no mute rule {name}.")
        stored = self._rules[name]
        kept = ("Name", "Description", "Rule", "MuteTargets", "StartDate", "ExpireDate")
        return {**{k: stored.request[k] for k in kept if k in stored.request}, **_summary(stored, now)}

    def summaries(self, request: Mapping[str, Any], now: float) -> list[dict[str, Any]]:
        """Return the rules as ListAlarmMuteRules does, of an alarm and of some statuses if it asks for those."""
        alarm, statuses = request.get("AlarmName"), request.get("Statuses") or list(MuteStatus)
        found = [_summary(s, now) for s in self._rules.values() if alarm is None or alarm in s.rule.alarms]
        return [summary for summary in found if summary["Status"] in statuses]


def arn_of(name: str) -> str:
    """Return the ARN of a mute rule."""
    account, region = ministack_patches.ACCOUNT_ID.original()(), ministack_patches.REGION.original()()
    return f"arn:aws:cloudwatch:{region}:{account}:alarm-mute-rule:{name}"


def _summary(stored: _Stored, now: float) -> dict[str, Any]:
    status: MuteStatus = stored.rule.status(datetime.fromtimestamp(now, UTC))
    return {
        "AlarmMuteRuleArn": arn_of(stored.rule.name),
        "Status": status.value,
        "MuteType": "ONE_TIME" if stored.rule.once else "RECURRING",
        "LastUpdatedTimestamp": stored.updated,
    }
