"""Secrets in every place and form, against redaction, the handler and the command line.

`python -m tests.faulty.secret_fuzz [--cases N] [--seed S]` tries many and ends with exit code 1 if one is shown.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from random import Random, SystemRandom

from connect_canary.model.redaction import redact
from tests.faulty.secret_forms import encode, in_context, is_shown, random_chain, random_secret, shares_characters
from tests.faulty.secret_fuzz_entries import Printed, ask_command_line, ask_handler

NIGHTLY_CASES = 12_000


def _try_redaction(random: Random) -> str | None:
    secret, chain = random_secret(random), random_chain(random)
    shown = redact(in_context(random, encode(chain, secret)), [secret])
    return f"{secret!r} as {', '.join(chain)}: {shown}" if is_shown(chain, secret, shown) else None


def _try(ask: Callable[[Random], Printed], random: Random) -> str | None:
    printed = ask(random)
    shown = [secret for secret in printed.secrets if shares_characters(printed.text, secret)]
    return f"{shown}: {printed.text}" if shown else None


PLACES: Mapping[str, Callable[[Random], str | None]] = {
    "redaction": _try_redaction,
    "handler": lambda random: _try(ask_handler, random),
    "command line": lambda random: _try(ask_command_line, random),
}


def leaks(cases: int, seed: int) -> Iterator[str]:
    """Yield a sentence for each secret that is shown, in so many cases, the places in turn."""
    random = Random(seed)  # noqa: S311 - test data
    for number in range(cases):
        place = list(PLACES)[number % len(PLACES)]
        shown = PLACES[place](random)
        if shown:
            yield f"case {number}, {place}: {shown}"


def main() -> None:
    """Try the cases and print each secret that is shown."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.secret_fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=NIGHTLY_CASES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the same cases as another time (default: new ones)")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"Repeating secrets with seed {seed}")
    shown = list(leaks(arguments.cases, seed))
    print("\n".join([*shown, f"{arguments.cases} cases: {len(shown)} secrets shown"]))
    sys.exit(1 if shown else 0)


if __name__ == "__main__":
    main()
