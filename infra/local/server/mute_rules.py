"""When an alarm mute rule is active: its schedule, duration, start and expiry. Pure functions.

From the CloudWatch user guide, "Alarm Mute Rules", and the API reference, "Schedule".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_MIN_DURATION, _MAX_DURATION = _MINUTE, timedelta(days=15)
_MAX_TARGETS = 100
_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")
_AT = re.compile(r"at\((?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((?P<fields>[^()]+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGES = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 7, _WEEKDAYS))
_STEP = re.compile(r"(?P<first>\*|[0-9A-Z]+)(?:-(?P<last>[0-9A-Z]+))?(?:/(?P<step>[1-9]\d*))?")


class MuteRuleError(ValueError):
    """A mute rule is not valid; the message says why."""


class MuteStatus(StrEnum):
    """The states of a mute rule."""

    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    def matches(self, time: datetime) -> bool:
        if time.minute not in self.minutes or time.hour not in self.hours or time.month not in self.months:
            return False
        day = self.days is None or time.day in self.days
        weekday = self.weekdays is None or time.isoweekday() % 7 in self.weekdays
        # As cron does: of two restrictions one is enough.
        return (day or weekday) if self.days is not None and self.weekdays is not None else (day and weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteRule:
    """A mute rule; `once` or `cron` is its schedule, in `zone`."""

    name: str
    alarms: tuple[str, ...]
    duration: timedelta
    zone: tzinfo
    once: datetime | None = None
    cron: _Cron | None = None
    starts: datetime | None = None
    expires: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Return whether the rule mutes its alarms at a time."""
        if (self.starts and now < self.starts) or (self.expires and now >= self.expires):
            return False
        if self.once:
            return self.once <= now < self.once + self.duration
        return any(self.cron.matches(start) for start in self._starts(now)) if self.cron else False

    def _starts(self, now: datetime) -> Iterator[datetime]:
        """Yield every full minute at which a window that is open now could have begun."""
        start = now.astimezone(self.zone).replace(second=0, microsecond=0)
        while now < start + self.duration:
            yield start
            start -= _MINUTE

    def status(self, now: datetime) -> MuteStatus:
        """Return the rule's status at a time."""
        over = (self.expires and now >= self.expires) or (self.once and now >= self.once + self.duration)
        if over:
            return MuteStatus.EXPIRED
        return MuteStatus.ACTIVE if self.is_active(now) else MuteStatus.SCHEDULED


def mute_rule_of(request: Mapping[str, Any], speed: float = 1.0) -> MuteRule:
    """Return the rule of a PutAlarmMuteRule request, or raise `MuteRuleError`; `speed` divides its duration."""
    schedule = request.get("Rule", {}).get("Schedule", {})
    expression, zone = str(schedule.get("Expression", "")), _zone(schedule.get("Timezone") or "UTC")
    alarms = tuple(request.get("MuteTargets", {}).get("AlarmNames", ()))
    if not 1 <= len(alarms) <= _MAX_TARGETS:
        raise MuteRuleError(f"A mute rule has 1 to {_MAX_TARGETS} alarm names, not {len(alarms)}.")
    once, cron = _AT.fullmatch(expression), _CRON.fullmatch(expression)
    if not once and not cron:
        raise MuteRuleError(f"{expression!r} is neither at(yyyy-MM-ddThh:mm) nor cron(...).")
    return MuteRule(
        name=str(request["Name"]),
        alarms=alarms,
        duration=_duration(str(schedule.get("Duration", ""))) / speed,
        zone=zone,
        once=datetime.fromisoformat(once["time"]).replace(tzinfo=zone) if once else None,
        cron=_cron(cron["fields"]) if cron else None,
        starts=_time(request.get("StartDate")),
        expires=_time(request.get("ExpireDate")),
    )


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise MuteRuleError(f"{name!r} is no time zone.") from error


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    parts = {unit: int(number) for unit, number in match.groupdict().items() if number} if match else {}
    duration = timedelta(**parts)
    if not _MIN_DURATION <= duration <= _MAX_DURATION:
        raise MuteRuleError(f"{text!r} is no duration from PT1M to P15D.")
    return duration


def _time(value: object) -> datetime | None:
    """Return a time given as a datetime, as text or in seconds."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise MuteRuleError(f"{value!r} is no time.") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _cron(text: str) -> _Cron:
    fields = text.upper().split()
    if len(fields) != len(_RANGES):
        raise MuteRuleError(f"cron({text}) has {len(fields)} fields, not minute, hour, day, month and weekday.")
    minutes, hours, days, months, weekdays = (
        _numbers(field, low, high, names) for field, (low, high, names) in zip(fields, _RANGES, strict=True)
    )
    return _Cron(
        minutes=minutes,
        hours=hours,
        days=None if fields[2] == "*" else days,
        months=months,
        weekdays=None if fields[4] == "*" else frozenset(number % 7 for number in weekdays),
    )


def _numbers(field: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    found = set[int]()
    for part in field.split(","):
        match = _STEP.fullmatch(part)
        if not match:
            raise MuteRuleError(f"{part!r} is no part of a cron expression.")
        first = low if match["first"] == "*" else _number(match["first"], low, names)
        last = high if match["first"] == "*" or match["step"] else first
        last = _number(match["last"], low, names) if match["last"] else last
        if not low <= first <= last <= high:
            raise MuteRuleError(f"{part!r} is not within {low} to {high}.")
        found.update(range(first, last + 1, int(match["step"] or 1)))
    return frozenset(found)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + low
    if not text.isdigit():
        raise MuteRuleError(f"{text!r} is no part of a cron expression.")
    return int(text)
