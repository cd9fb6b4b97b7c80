"""`python -m tests.bench [NAME ...]`: measures, prints Markdown, and writes docs/measurements.md."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from tests.bench import certificate, clients, coldstart, connect, memory, targets
from tests.bench.report import DOCUMENT, Section, machine, render, write

_BENCHES: Mapping[str, tuple[Callable[..., Section], int]] = {
    "connect": (connect.bench, 40),
    "clients": (clients.bench, 4),
    "certificate": (certificate.bench, 40),
    "memory": (memory.bench, 9),
    "coldstart": (coldstart.bench, 9),
    "targets": (targets.bench, 5),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benches; exit code 1 when a limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(_BENCHES)} (default: all)")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (default: 40, 9, 5 or 4 by bench)")
    parser.add_argument("--json", action="store_true", help="print every single value as JSON; write no document")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in _BENCHES:
            parser.error(f"{name} is no bench; known: {', '.join(_BENCHES)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    sections: list[Section] = []
    for name in options.names or _BENCHES:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        bench, rounds = _BENCHES[name]
        sections.append(bench(rounds=options.rounds or rounds))
        if not options.json:
            print(f"{render(sections[-1])}\n", flush=True)
            write(DOCUMENT, sections)
    if options.json:
        results = {section.name: section.results for section in sections}
        print(json.dumps({"machine": machine(), "benches": results}))
    missed = [f"{section.name}: {what}" for section in sections for what in section.failed]
    for what in missed:
        print(f"missed its limit: {what}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
