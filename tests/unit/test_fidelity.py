"""Fidelity: the table of conditions, the plan, statistics and report."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from connect_canary.model.owners import Owner
from tests.fidelity.__main__ import main
from tests.fidelity.clients import BARE_SDK, CANARY
from tests.fidelity.conditions import CONDITIONS, Condition, Fault
from tests.fidelity.endpoint import NAMES
from tests.fidelity.impairments import parse_impairment
from tests.fidelity.intervals import Share, difference, overlap, pairs_differ_by_chance
from tests.fidelity.plan import MIN_PAIRS, Pair, choose_conditions, hosts_file, plan_pairs
from tests.fidelity.report import missed_goals, owner_share, rows_of, section, table, totals, wrong_owners
from tests.fidelity.runner import PairResult

WIDTH = 100


# -- conditions and plan -----------------------------------------------------------------------------------------------


def test_conditions_are_complete() -> None:
    """Each has a name of its own, a behaviour that exists, and owners exactly where a fault counts."""
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names)
    assert {condition.behaviour for condition in CONDITIONS} <= set(NAMES)
    for condition in CONDITIONS:
        assert bool(condition.owners) is (condition.fault in {Fault.NETWORK, Fault.ENDPOINT}), condition.name
        assert (Owner.NETWORK in condition.owners) is (condition.fault is Fault.NETWORK), condition.name
        assert condition.pairs >= MIN_PAIRS


def test_every_behaviour_is_tried() -> None:
    """No way in which the endpoint can behave is left out."""
    assert {condition.behaviour for condition in CONDITIONS} == set(NAMES)


def test_impairments_pass_through_json() -> None:
    """The path's process reads what the runner writes."""
    for what in {what for condition in CONDITIONS for what in (*condition.addresses, *condition.addresses_6)}:
        assert parse_impairment(what.as_dict()) == what


def test_plan_is_repeatable_and_balanced() -> None:
    """A seed gives the same pairs; both orders and both versions come; no address is used twice."""
    conditions = choose_conditions("", None)
    pairs = plan_pairs(conditions, 7)
    assert len(pairs) >= 300
    assert pairs == plan_pairs(conditions, 7) != plan_pairs(conditions, 8)
    firsts = [pair.connects[0].subject for pair in pairs]
    assert 0.4 < firsts.count(CANARY) / len(firsts) < 0.6
    for condition, _ in conditions:
        assert {pair.connects[0].version for pair in pairs if pair.condition is condition} == {"5", "3.1.1"}
    addresses = [address for pair in pairs for connect in pair.connects for address, _ in connect.addresses]
    assert len(set(addresses)) == len(addresses)
    for pair in pairs:
        one, other = ([what for _, what in connect.addresses] for connect in pair.connects)
        assert one == other


def test_names_resolve_to_the_pairs_addresses() -> None:
    """The hosts file keeps the order in which a pair's addresses come, IPv4 before IPv6."""
    condition = next(condition for condition in CONDITIONS if condition.addresses_6)
    (pair, *_) = plan_pairs([(condition, 1)], 1)
    lines = [line.split() for line in hosts_file([pair]).splitlines()]
    assert [(host, address) for address, host in lines] == [
        (connect.host, address) for connect in pair.connects for address, _ in connect.addresses
    ]
    assert {ipaddress.ip_address(address).version for address, _ in lines} == {4, 6}


@pytest.mark.parametrize(("words", "pairs", "total"), [("loss 30", 12, 12), ("LOSS 30", 1, MIN_PAIRS)])
def test_choice_of_conditions(words: str, pairs: int, total: int) -> None:
    """A part of the name chooses, in any case; no condition gets fewer pairs than can tell always from never."""
    chosen = choose_conditions(words, pairs)
    assert [condition.name for condition, _ in chosen] == ["loss 30 %"]
    assert sum(count for _, count in chosen) == total


def test_unknown_condition_is_a_wrong_question(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is measured, and nobody takes that for a success."""
    assert main(["--only", "no such condition"]) == 2
    assert "no such condition" in capsys.readouterr().err


def test_machine_without_namespaces_skips_with_a_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without root, or without iproute2, the command says what is missing and fails nothing."""
    monkeypatch.setenv("PATH", "")
    assert main(["--only", "clean"]) == 0
    assert "Skipped: " in capsys.readouterr().out


# -- statistics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        # R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        (Share(81, 263), 0.2553, 0.3662),
        (Share(15, 148), 0.0624, 0.1605),
        (Share(0, 20), 0.0, 0.1611),
        (Share(1, 29), 0.0061, 0.1718),
        (Share(29, 29), 0.8830, 1.0),
        (Share(0, 0), 0.0, 1.0),
    ],
)
def test_interval_of_a_share(share: Share, low: float, high: float) -> None:
    """Published examples."""
    assert share.interval() == pytest.approx((low, high), abs=0.00006)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        # R. G. Newcombe, Interval estimation for the difference (1998), table II, method 10.
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 10), 0.6075, 1.0),
    ],
)
def test_interval_of_a_difference(one: Share, other: Share, low: float, high: float) -> None:
    """Published examples."""
    assert difference(one, other) == pytest.approx((low, high), abs=0.0006)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Share(4, 4), Share(0, 4), False),
        (Share(3, 3), Share(0, 3), True),
        (Share(16, 16), Share(11, 16), True),
        (Share(16, 16), Share(8, 16), False),
        (Share(16, 16), Share(16, 16), True),
    ],
)
def test_equal_within_intervals(one: Share, other: Share, *, same: bool) -> None:
    """Four pairs tell always from never; sixteen tell always from half."""
    assert overlap(one, other) is overlap(other, one) is same


@pytest.mark.parametrize(("one", "other", "probability"), [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (1, 9, 0.02148)])
def test_pairs_that_differ(one: int, other: int, probability: float) -> None:
    """The exact binomial probability, both ways."""
    assert pairs_differ_by_chance(one, other) == pytest.approx(probability, abs=0.00001)
    assert pairs_differ_by_chance(other, one) == pairs_differ_by_chance(one, other)


# -- report ------------------------------------------------------------------------------------------------------------


def _results(
    condition: Condition, connected: Sequence[tuple[bool, bool]], owner: Owner = Owner.NETWORK
) -> Iterator[PairResult]:
    for pair, (canary, bare_sdk) in zip(plan_pairs([(condition, len(connected))], 1), connected, strict=True):
        yield _result(pair, owner, canary=canary, bare_sdk=bare_sdk)


def _result(pair: Pair, owner: Owner, *, canary: bool, bare_sdk: bool) -> PairResult:
    outcome: dict[str, Any] = {"failure": "TlsTimedOut", "owner": str(owner)}
    return PairResult(
        pair=pair,
        results={CANARY: {"connected": canary, "outcome": outcome}, BARE_SDK: {"connected": bare_sdk}},
    )


def _named(name: str) -> Condition:
    return next(condition for condition in CONDITIONS if condition.name == name)


CLEAN, CUT, SILENT = _named("clean"), _named("cut after CONNECT"), _named("endpoint: silent in TLS")
RESET = _named("reset by a middlebox after CONNECT")
ALWAYS, NEVER = [(True, True)] * 4, [(False, False)] * 4


def test_everything_as_wanted() -> None:
    """Equal rates and right owners miss nothing."""
    results = [*_results(CLEAN, ALWAYS), *_results(CUT, NEVER), *_results(SILENT, NEVER, Owner.ENDPOINT)]
    rows = rows_of(results)
    assert [row.same for row in rows] == [True] * 3
    assert [owner_share(rows, fault) for fault in (Fault.NETWORK, Fault.ENDPOINT)] == [Share(4, 4), Share(4, 4)]
    assert missed_goals(results, rows) == []
    assert wrong_owners(rows) == []


def test_rates_that_differ_are_missed() -> None:
    """A canary that forgives what the SDK does not is no canary."""
    results = list(_results(CLEAN, [(True, False)] * 8))
    missed = missed_goals(results, rows_of(results))
    assert missed == [
        "healthy rates differ: clean",
        "over all pairs, one side connects more often than chance allows",
    ]


def test_differences_add_up_over_conditions() -> None:
    """One pair too many in each condition is within its interval, and is not by chance."""
    conditions = [condition for condition in CONDITIONS if condition.fault is Fault.NONE]
    results = [result for condition in conditions for result in _results(condition, [*ALWAYS, (True, False)])]
    rows = rows_of(results)
    assert all(row.same for row in rows)
    assert len(rows) >= 8
    assert missed_goals(results, rows) == ["over all pairs, one side connects more often than chance allows"]


@pytest.mark.parametrize(
    ("condition", "wrong"), [(CUT, Owner.ENDPOINT), (SILENT, Owner.NETWORK)], ids=["network", "endpoint"]
)
def test_wrong_owner_is_missed(condition: Condition, wrong: Owner) -> None:
    """It is named with the condition, and below 95 % the goal is missed."""
    results = list(_results(condition, NEVER, wrong))
    rows = rows_of(results)
    assert wrong_owners(rows) == [f"{condition.name}: 4 x TlsTimedOut ({wrong})"]
    assert missed_goals(results, rows) == [f"right owner of {condition.fault} faults: 0.0% of 4, goal 95%"]


def test_undecidable_faults_have_no_right_owner() -> None:
    """They are compared, and not counted."""
    results = list(_results(RESET, NEVER, Owner.MAINTAINERS))
    rows = rows_of(results)
    assert rows[0].owners == Share(0, 0)
    assert missed_goals(results, rows) == []


def test_failures_alone_have_owners() -> None:
    """A connect that succeeds over a lossy path has none, whatever its result says."""
    results = list(_results(_named("loss 30 %"), [(True, True), (False, True), (True, False), (True, True)]))
    assert rows_of(results)[0].owners == Share(1, 1)


def test_table_fits_a_terminal() -> None:
    """With every condition, and shares as long as they get."""
    results = [result for condition in CONDITIONS for result in _results(condition, [(True, True)] * 99)]
    rows = rows_of(results)
    lines = table(rows).splitlines()
    assert len(lines) == len(CONDITIONS) + 2
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= WIDTH
    assert "| yes |" in lines[2].replace("  ", " ")


def test_document_has_table_numbers_and_command() -> None:
    """Whoever reads the section can repeat the run."""
    results = [*_results(CUT, NEVER, Owner.AWS), *_results(CLEAN, ALWAYS)]
    rows = rows_of(results)
    written = section(results, rows, 42)
    assert written.command == "make fidelity SEED=42"
    assert table(rows) in written.body
    for line in totals(results, rows):
        assert f"- {line}" in written.body
    assert "- Wrong owner: cut after CONNECT: 4 x TlsTimedOut (AWS)." in written.body
