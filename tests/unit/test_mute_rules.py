"""Mute rules: when a schedule is active, as a table, and what is no rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from infra.local.server.mute_rules import MuteRuleError, MuteStatus, mute_rule_of

REQUEST: Final[dict[str, Any]] = {"Name": "rule", "MuteTargets": {"AlarmNames": ["alarm"]}}


def _request(expression: str, duration: str = "PT1H", zone: str | None = None, **more: Any) -> dict[str, Any]:
    schedule = {"Expression": expression, "Duration": duration} | ({"Timezone": zone} if zone else {})
    return {**REQUEST, "Rule": {"Schedule": schedule}, **more}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-24 is a Tuesday.
ACTIVE: Final[list[tuple[dict[str, Any], str, bool]]] = [
    (_request("at(2026-11-24T10:00)"), "2026-11-24T09:59:59", False),
    (_request("at(2026-11-24T10:00)"), "2026-11-24T10:00:00", True),
    (_request("at(2026-11-24T10:00)"), "2026-11-24T10:59:59", True),
    (_request("at(2026-11-24T10:00)"), "2026-11-24T11:00:00", False),
    (_request("at(2026-11-24T10:00)", zone="Asia/Tokyo"), "2026-11-24T01:30:00", True),
    (_request("at(2026-11-24T10:00)", zone="Asia/Tokyo"), "2026-11-24T10:30:00", False),
    (_request("at(2026-11-24T10:00)", "P1DT2H30M"), "2026-11-25T12:29:59", True),
    (_request("at(2026-11-24T10:00)", "P1DT2H30M"), "2026-11-25T12:30:00", False),
    (_request("cron(0 2 * * *)"), "2026-11-24T02:59:59", True),
    (_request("cron(0 2 * * *)"), "2026-11-24T03:00:00", False),
    (_request("cron(0 2 * * *)"), "2026-11-24T01:59:59", False),
    (_request("cron(0 2 * * *)", zone="Asia/Tokyo"), "2026-11-23T17:30:00", True),
    (_request("cron(0 18 * * FRI)", "P2DT12H"), "2026-11-30T05:59:59", True),
    (_request("cron(0 18 * * FRI)", "P2DT12H"), "2026-11-30T06:00:00", False),
    (_request("cron(0 18 * * 5)", "PT1M"), "2026-11-27T18:00:30", True),
    (_request("cron(30 8-10 24 11 *)", "PT1M"), "2026-11-24T09:30:00", True),
    (_request("cron(30 8-10 24 11 *)", "PT1M"), "2026-11-24T11:30:00", False),
    (_request("cron(30 8-10 24 NOV *)", "PT1M"), "2026-10-24T09:30:00", False),
    (_request("cron(*/15 * * * *)", "PT1M"), "2026-11-24T09:45:59", True),
    (_request("cron(*/15 * * * *)", "PT1M"), "2026-11-24T09:46:00", False),
    (_request("cron(5/30 * * * *)", "PT1M"), "2026-11-24T09:35:00", True),
    (_request("cron(0 0 * * 7)", "PT1M"), "2026-11-22T00:00:00", True),
    # As cron does: of day and weekday one is enough.
    (_request("cron(0 0 1 * TUE,WED)", "PT1M"), "2026-11-24T00:00:00", True),
    (_request("cron(0 0 1 * MON)", "PT1M"), "2026-11-01T00:00:00", True),
    (_request("cron(0 0 1 * MON)", "PT1M"), "2026-11-24T00:00:00", False),
    (_request("cron(* * * * *)", StartDate="2026-11-24T10:00:00Z"), "2026-11-24T09:59:59", False),
    (_request("cron(* * * * *)", StartDate="2026-11-24T10:00:00Z"), "2026-11-24T10:00:00", True),
    (_request("cron(* * * * *)", ExpireDate="2026-11-24T10:00:00"), "2026-11-24T09:59:59", True),
    (_request("cron(* * * * *)", ExpireDate=_time("2026-11-24T10:00:00")), "2026-11-24T10:00:00", False),
    (_request("cron(* * * * *)", ExpireDate=_time("2026-11-24T10:00:00").timestamp()), "2026-11-24T10:00:00", False),
]


@pytest.mark.parametrize(("request_", "now", "expected"), ACTIVE)
def test_active_window(request_: dict[str, Any], now: str, *, expected: bool) -> None:
    """A window begins when the schedule says so, in its time zone, and lasts as long as its duration."""
    assert mute_rule_of(request_).is_active(_time(now)) is expected


@pytest.mark.parametrize(("number", "name"), list(enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))))
def test_names_of_weekdays(number: int, name: str) -> None:
    """Each means one day of the week, as its number does. 2026-11-22 is a Sunday."""
    for word in (name, str(number)):
        rule = mute_rule_of(_request(f"cron(0 0 * * {word})"))
        assert [day for day in range(7) if rule.is_active(_time(f"2026-11-{22 + day}T00:30:00"))] == [number]


@pytest.mark.parametrize(
    ("number", "name"),
    list(enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1)),
)
def test_names_of_months(number: int, name: str) -> None:
    """Each means one month, as its number does."""
    for word in (name, str(number)):
        rule = mute_rule_of(_request(f"cron(0 0 1 {word} *)"))
        assert [month for month in range(1, 13) if rule.is_active(_time(f"2026-{month:02}-01T00:30:00"))] == [number]


@pytest.mark.parametrize(
    ("request_", "now", "expected"),
    [
        (_request("at(2026-11-24T10:00)"), "2026-11-24T09:00:00", MuteStatus.SCHEDULED),
        (_request("at(2026-11-24T10:00)"), "2026-11-24T10:30:00", MuteStatus.ACTIVE),
        (_request("at(2026-11-24T10:00)"), "2026-11-24T11:00:00", MuteStatus.EXPIRED),
        (_request("cron(0 2 * * *)"), "2026-11-24T11:00:00", MuteStatus.SCHEDULED),
        (_request("cron(0 2 * * *)"), "2026-11-24T02:00:00", MuteStatus.ACTIVE),
        (_request("cron(0 2 * * *)", ExpireDate="2026-11-24T02:30:00Z"), "2026-11-24T02:30:00", MuteStatus.EXPIRED),
    ],
)
def test_status(request_: dict[str, Any], now: str, expected: MuteStatus) -> None:
    """A rule is scheduled before and between its windows, and expired after the last one."""
    assert mute_rule_of(request_).status(_time(now)) is expected


def test_words_of_the_statuses() -> None:
    """As the API spells them."""
    assert [status.value for status in MuteStatus] == ["SCHEDULED", "ACTIVE", "EXPIRED"]


def test_speed_shortens_a_window() -> None:
    """At speed 20 an hour is three minutes; when it begins is real."""
    rule = mute_rule_of(_request("at(2026-11-24T10:00)"), speed=20)
    active = [rule.is_active(_time(f"2026-11-24T10:0{minute}:00")) for minute in range(5)]
    assert active == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (_request("rate(1 hour)"), "neither"),
        (_request("at(2026-11-24)"), "neither"),
        (_request("cron(0 2 * *)"), "4 fields"),
        (_request("cron(0 24 * * *)"), "0 to 23"),
        (_request("cron(5-2 * * * *)"), "0 to 59"),
        (_request("cron(0 0 * * 8)"), "0 to 7"),
        (_request("cron(x * * * *)"), "no part"),
        (_request("cron(MON * * * *)"), "no part"),
        (_request("cron(?? * * * *)"), "no part"),
        (_request("at(2026-11-24T10:00)", ""), "PT1M"),
        (_request("at(2026-11-24T10:00)", "1h"), "PT1M"),
        (_request("at(2026-11-24T10:00)", "P16D"), "P15D"),
        (_request("at(2026-11-24T10:00)", "PT0M"), "PT1M"),
        (_request("at(2026-11-24T10:00)", zone="Moon/Crater"), "no time zone"),
        (_request("at(2026-11-24T10:00)", ExpireDate="soon"), "no time"),
        (_request("at(2026-11-24T10:00)", MuteTargets={"AlarmNames": []}), "1 to 100"),
        (_request("at(2026-11-24T10:00)", MuteTargets={"AlarmNames": ["a"] * 101}), "101"),
        (REQUEST, "neither"),
    ],
)
def test_request_that_is_no_rule(request_: dict[str, Any], words: str) -> None:
    """The error says what is wrong."""
    with pytest.raises(MuteRuleError, match=words):
        mute_rule_of(request_)
