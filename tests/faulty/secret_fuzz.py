"""Redaction against endpoints that repeat secrets in every form.

`python -m tests.faulty.secret_fuzz [--cases N] [--seed S]` tries many and ends with exit code 1 if one is shown.
"""

import argparse
import sys
from random import Random, SystemRandom

from connect_canary.model.redaction import NOT_SHOWN, redact
from tests.faulty.secret_forms import encode, in_context, is_shown, random_chain, random_secret

NIGHTLY_CASES = 10_000


def main() -> None:
    """Try the cases and print each secret that is shown."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.secret_fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=NIGHTLY_CASES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the same cases as another time (default: new ones)")
    arguments = parser.parse_args()
    seed = SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"Repeating secrets with seed {seed}")
    random, leaks, hidden = Random(seed), 0, 0  # noqa: S311 - test data
    for _ in range(arguments.cases):
        secret, chain = random_secret(random), random_chain(random)
        shown = redact(in_context(random, encode(chain, secret)), [secret])
        hidden += shown == NOT_SHOWN
        if is_shown(chain, secret, shown):
            leaks += 1
            print(f"shown: {secret!r} as {', '.join(chain)}: {shown}")
    print(f"{arguments.cases} cases: {leaks} secrets shown, {hidden} texts not shown")
    sys.exit(1 if leaks else 0)


if __name__ == "__main__":
    main()
