"""`python -m tests.fidelity`: canary and bare SDK in pairs over impaired paths; prints a table and the goals missed."""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.network import UnavailableError
from tests.bench.report import DOCUMENT, write
from tests.fidelity.plan import choose_conditions, hosts_file, plan_pairs
from tests.fidelity.report import missed_goals, rows_of, section, table, totals, wrong_owners
from tests.fidelity.runner import PairResult, run_pairs
from tests.fidelity.topology import open_topology

_PROGRESS_EVERY = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pairs; exit code 1 when a goal is missed, 0 when this machine does not allow them."""
    options = _parser().parse_args(arguments)
    conditions = choose_conditions(options.only, options.pairs)
    if not conditions:
        print(f"no condition has {options.only!r} in its name", file=sys.stderr)
        return 2
    pairs = plan_pairs(conditions, options.seed)
    print(f"Seed {options.seed}: {len(pairs)} pairs under {len(conditions)} conditions", flush=True)
    impairments = {address: what for pair in pairs for connect in pair.connects for address, what in connect.addresses}
    try:
        with open_topology(hosts_file(pairs), impairments, options.seed) as topology:
            results = asyncio.run(run_pairs(topology, pairs, _Progress(len(pairs))))
    except UnavailableError as error:
        print(f"Skipped: {error}.")
        return 0
    order = [condition.name for condition, _ in conditions]
    results.sort(key=lambda result: order.index(result.pair.condition.name))
    return _report(results, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("--pairs", type=int, help="pairs in all, at least four a condition (default: by the table)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000), help="of order and losses")
    parser.add_argument("--only", default="", metavar="WORDS", help="conditions whose names contain these words")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{DOCUMENT.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single result into a file")
    return parser


class _Progress:
    """Tells on standard error how many pairs are done."""

    def __init__(self, total: int) -> None:
        self._total = total

    def __call__(self, done: int) -> None:
        if done % _PROGRESS_EVERY == 0 or done == self._total:
            print(f"{done} of {self._total} pairs", file=sys.stderr, flush=True)


def _report(results: Sequence[PairResult], options: argparse.Namespace) -> int:
    rows = rows_of(results)
    missed = missed_goals(results, rows)
    print(f"\n{table(rows)}\n")
    for line in [*totals(results, rows), *(f"wrong owner: {what}" for what in wrong_owners(rows))]:
        print(line)
    for what in missed:
        print(f"missed: {what}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([_as_dict(result) for result in results]), encoding="utf-8")
    if options.write:
        write(DOCUMENT, [section(results, rows, options.seed)])
    return 1 if missed else 0


def _as_dict(result: PairResult) -> dict[str, object]:
    pair = result.pair
    return {
        "condition": pair.condition.name,
        "version": pair.connects[0].version,
        "first": pair.connects[0].subject,
        "results": dict(result.results),
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
