"""Command line of the mutation runner; `make mutants` calls it.

Exits with 1 when an area's tests find a smaller share of its mutants than its goal.
"""

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tests.mutation import equivalent
from tests.mutation.areas import AREAS, Area
from tests.mutation.mutations import Mutant
from tests.mutation.runner import Tried, mutants_of, run
from tests.mutation.selection import BaselineError, measure
from tests.mutation.worker import Verdict

_SHOWN = 300


def main() -> int:
    """Try the mutants that the arguments name; return the exit code."""
    arguments = _arguments()
    areas = [area for area in AREAS if arguments.area in ("", area.name)]
    if arguments.quick:
        areas = [replace(area, tiers=area.tiers[:1]) for area in areas]
    reached = [_run_area(area, arguments) for area in areas]
    if reached == [None] * len(areas):
        print("there are no such mutants")
        return 2
    return 1 if False in reached else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.mutation", description=__doc__)
    parser.add_argument("--area", default="", choices=["", *(area.name for area in AREAS)])
    parser.add_argument("--module", default="", help="only the mutants of this file")
    parser.add_argument("--slice", default="1/1", help="a part of all mutants, such as 3/20")
    parser.add_argument("--sample", type=int, default=0, help="at most so many mutants of each area")
    parser.add_argument("--quick", action="store_true", help="only the first tier of tests, such as the unit tests")
    parser.add_argument("--workers", type=int, default=2, help="mutants tried at the same time")
    parser.add_argument("--verbose", action="store_true", help="print also what is killed, and by which test")
    return parser.parse_args()


def choose(mutants: Sequence[Mutant], part: str, sample: int) -> list[Mutant]:
    """Return a part of the mutants and a sample of that, which depend on nothing but the mutants' keys."""
    number, parts = (int(each) for each in part.split("/"))
    chosen = [mutant for mutant in mutants if _hash(mutant) % parts == number % parts]
    sample_of = sorted(chosen, key=_hash)[: sample or None]
    return [mutant for mutant in chosen if mutant in sample_of]


def _hash(mutant: Mutant) -> int:
    return int.from_bytes(hashlib.sha256("\n".join(mutant.key).encode()).digest()[:8])


def _run_area(area: Area, arguments: argparse.Namespace) -> bool | None:
    """Try an area's mutants and print them; return whether its goals are reached, None when it has no mutants."""
    mutants = mutants_of(area, arguments.module)
    reasons = equivalent.read(area.name)
    chosen = choose(mutants, arguments.slice, arguments.sample)
    tried = [mutant for mutant in chosen if mutant.key not in reasons]
    if not chosen:
        return None
    sampled = "" if len(chosen) == len(mutants) else "a sample of "
    print(f"{area.name}: {sampled}{len(chosen)} of {len(mutants)} mutants, {len(chosen) - len(tried)} are equivalent")
    for key in () if arguments.module else equivalent.stale(reasons, mutants):
        print(f"  stale entry in {equivalent.TABLE.name}: {key}")
    try:
        return _report(area, _try(tried, area, arguments))
    except BaselineError as error:
        print(error)
        return False


def _try(mutants: Sequence[Mutant], area: Area, arguments: argparse.Namespace) -> list[Tried]:
    baseline = measure(area)
    for test in baseline.left_out:
        print(f"  not used, fails or takes long without a mutation: {test}", flush=True)
    results = []
    for result in run(mutants, baseline, arguments.workers):
        results.append(result)
        if arguments.verbose or result.verdict is Verdict.SURVIVED:
            _print(result)
    return results


def _print(result: Tried) -> None:
    mutant = result.mutant
    print(f"{mutant.path}:{mutant.lines[0]}: {result.verdict} in {mutant.scope} ({result.seconds:.1f} s)")
    print(f"  - {mutant.before[:_SHOWN]}\n  + {mutant.after[:_SHOWN]}", flush=True)
    if result.found_by:
        print(f"    {result.found_by}", flush=True)


def _report(area: Area, results: Sequence[Tried]) -> bool:
    """Print each group's share of killed mutants; return whether all reach their goals."""
    reached = True
    for name, goal in area.goals.items():
        verdicts = Counter(r.verdict for r in results if name in (area.name, r.mutant.group))
        total, survived = verdicts.total(), verdicts[Verdict.SURVIVED]
        if not total:
            continue
        share = 100 * (total - survived) / total
        counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)
        print(f"{name}: {counts}: {share:.1f} % of {total} found, the goal is {goal} %", flush=True)
        reached &= share >= goal
    return reached


if __name__ == "__main__":
    sys.exit(main())
