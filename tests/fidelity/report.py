"""What the pairs show: a table by condition, the shares, and the goals that are missed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.report import Section
from tests.fidelity.conditions import Condition, Fault
from tests.fidelity.intervals import Share, difference, overlap, pairs_differ_by_chance
from tests.fidelity.runner import PairResult

GOAL = 0.95
_MIN_PROBABILITY = 0.01
_INTRODUCTION = """\
Pairs of connects, canary and bare SDK, in random order, each from a process of its own and with 10 s, in
two network namespaces between which a process impairs the packets. Shares have Wilson's 95 % intervals; "same" is "yes"
where they overlap. The last column counts the canary's failures with a right owner; it is empty where there was no
failure, and where the same packets can come from the endpoint's host and from a middlebox (resets, a closed port):
`tests/fidelity/conditions.py` says what counts, and why."""
_COUNTED = {Fault.NETWORK: "network faults", Fault.ENDPOINT: "endpoint faults"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The pairs of one condition; `owners` is the share of the canary's failures with a right owner."""

    condition: Condition
    canary: Share
    bare_sdk: Share
    owners: Share
    wrong: Counter[str]

    @property
    def same(self) -> bool:
        """Whether the healthy rates are equal within their intervals."""
        return overlap(self.canary, self.bare_sdk)


def rows_of(results: Iterable[PairResult]) -> list[Row]:
    """Return a row for each condition, in the order of the table of conditions as far as `results` keep it."""
    by_name: dict[str, list[PairResult]] = {}
    for result in results:
        by_name.setdefault(result.pair.condition.name, []).append(result)
    return [_row(of_one) for of_one in by_name.values()]


def _row(results: Sequence[PairResult]) -> Row:
    condition = results[0].pair.condition
    failed = [result.canary for result in results if not result.canary["connected"]]
    outcomes = [result["outcome"] for result in failed] if condition.owners else []
    wrong = Counter(
        f"{outcome['failure']} ({outcome['owner']})" for outcome in outcomes if outcome["owner"] not in condition.owners
    )
    return Row(
        condition=condition,
        canary=_connected(result.canary["connected"] for result in results),
        bare_sdk=_connected(result.bare_sdk["connected"] for result in results),
        owners=Share(len(outcomes) - wrong.total(), len(outcomes)),
        wrong=wrong,
    )


def _connected(values: Iterable[bool]) -> Share:
    counted = list(values)
    return Share(sum(counted), len(counted))


def table(rows: Sequence[Row]) -> str:
    """Return the Markdown table, with columns that are as wide as their widest cell."""
    cells = [("condition", "n", "canary", "bare SDK", "same", "owner"), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [_line(line, widths) for line in cells]
    return "\n".join([lines[0], f"| {' | '.join('-' * width for width in widths)} |", *lines[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    owners = f"{row.owners.count}/{row.owners.total}" if row.owners.total else ""
    shares = (_percent(row.canary), _percent(row.bare_sdk))
    return (row.condition.name, str(row.canary.total), *shares, "yes" if row.same else "NO", owners)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.ljust(width) if not number else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(aligned)} |"


def _percent(share: Share) -> str:
    low, high = share.interval()
    return f"{share.value:.0%} ({low * 100:.0f}-{high * 100:.0f})"


def owner_share(rows: Iterable[Row], fault: Fault) -> Share:
    """Return the share of right owners over all conditions with this fault."""
    counted = [row.owners for row in rows if row.condition.fault is fault]
    return Share(sum(each.count for each in counted), sum(each.total for each in counted))


def totals(results: Sequence[PairResult], rows: Sequence[Row]) -> list[str]:
    """Return a line for each number over all conditions."""
    canary = _connected(result.canary["connected"] for result in results)
    bare_sdk = _connected(result.bare_sdk["connected"] for result in results)
    low, high = difference(canary, bare_sdk)
    only_canary, only_bare_sdk = only_one_connected(results)
    points = (canary.value - bare_sdk.value) * 100
    chance = pairs_differ_by_chance(only_canary, only_bare_sdk)
    connected = f"Connected in {len(results)} pairs: canary {_percent(canary)}, bare SDK {_percent(bare_sdk)}"
    only = f"Pairs in which only the canary connected: {only_canary}, only the bare SDK: {only_bare_sdk}"
    lines = [
        f"{connected}; difference {points:+.1f} points ({low * 100:+.1f} to {high * 100:+.1f}).",
        f"{only} (probability by chance: {chance:.2f}).",
    ]
    for fault, name in _COUNTED.items():
        share = owner_share(rows, fault)
        if share.total:
            lines.append(f"Right owner of {name}: {share.count} of {share.total}, {_percent(share)}; goal {GOAL:.0%}.")
    return lines


def only_one_connected(results: Iterable[PairResult]) -> tuple[int, int]:
    """Return in how many pairs only the canary connected, and only the bare SDK."""
    verdicts = Counter((result.canary["connected"], result.bare_sdk["connected"]) for result in results)
    return verdicts[True, False], verdicts[False, True]


def wrong_owners(rows: Iterable[Row]) -> list[str]:
    """Return a line for each condition with a wrong owner."""
    return [
        f"{row.condition.name}: {', '.join(f'{count} x {what}' for what, count in row.wrong.items())}"
        for row in rows
        if row.wrong
    ]


def missed_goals(results: Sequence[PairResult], rows: Sequence[Row]) -> list[str]:
    """Return what is missed, one line each."""
    missed = [f"healthy rates differ: {row.condition.name}" for row in rows if not row.same]
    if pairs_differ_by_chance(*only_one_connected(results)) < _MIN_PROBABILITY:
        missed.append("over all pairs, one side connects more often than chance allows")
    for fault, name in _COUNTED.items():
        share = owner_share(rows, fault)
        if share.value < GOAL:
            missed.append(f"right owner of {name}: {share.value:.1%} of {share.total}, goal {GOAL:.0%}")
    return missed


def section(results: Sequence[PairResult], rows: Sequence[Row], seed: int) -> Section:
    """Return the section of docs/measurements.md."""
    lines = [*totals(results, rows), *(f"Wrong owner: {what}." for what in wrong_owners(rows))]
    items = "\n".join(f"- {line}" for line in lines)
    return Section(
        name="fidelity",
        title="Fidelity: connected as often as the bare SDK, and the right owner",
        body=f"{_INTRODUCTION}\n\n{items}\n\n{table(rows)}",
        command=f"make fidelity SEED={seed}",
    )
