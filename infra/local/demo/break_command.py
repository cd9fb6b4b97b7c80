"""`make break` and `make mend`: break something in the demo that runs in another terminal, and mend it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.client.local_aws import AccessKey, client_of
from infra.local.client.process import LocalAwsError
from infra.local.demo import report
from infra.local.demo.breaks import BREAKS
from infra.local.demo.demo_targets import AUTHORIZER_STACK
from infra.local.demo.running import Broken, find, read_operator
from infra.local.demo.stage import Stage

_NEXT = "The screen of make run shows what comes of it. To mend it: make mend"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 with a sentence, or 2 for a name that is not in the table."""
    parser = argparse.ArgumentParser(prog="make break, make mend", description=__doc__)
    parser.add_argument("action", choices=["break", "mend"])
    parser.add_argument("what", nargs="?", default="", help="one of: " + ", ".join(BREAKS))
    parser.add_argument("--operator", type=Path, help="the operator file of one of several running demos")
    options = parser.parse_args(arguments)
    if options.what and options.what not in BREAKS:
        return _say(f"There is no {options.what!r} to break; there is: {', '.join(BREAKS)}.", exit_code=2)
    if options.action == "break" and not options.what:
        return _list()
    try:
        stage = _stage(options.operator or find())
        act = break_now if options.action == "break" else mend_now
        for line in act(stage, options.what):
            sys.stdout.write(line + "\n")
    except (LocalAwsError, ClientError, BotoCoreError, OSError) as error:
        return _say(f"make {options.action} cannot do it: {error}", exit_code=1)
    return 0


def _say(text: str, *, exit_code: int) -> int:
    for line in report.wrap(text):
        sys.stderr.write(line + "\n")
    return exit_code


def _list() -> int:
    sys.stdout.write("make break WHAT=... does one of these in the demo that make run shows:\n\n")
    rows = [(name, each.what) for name, each in BREAKS.items()]
    for line in [*report.table(rows, ("WHAT", "what happens")), "", "make mend mends all that is broken."]:
        sys.stdout.write(line + "\n")
    return 0


def _stage(operator: Path) -> Stage:
    variables = read_operator(operator)
    key = AccessKey(access_key_id=variables["AWS_ACCESS_KEY_ID"], secret_access_key=variables["AWS_SECRET_ACCESS_KEY"])
    return Stage(
        client=lambda service: client_of(service, key, variables["AWS_ENDPOINT_URL"]),
        state=operator.parent,
        authorizer_stack=AUTHORIZER_STACK,
    )


def break_now(stage: Stage, what: str) -> list[str]:
    """Break something that is not broken yet, and return what to say."""
    broken = Broken(stage.state)
    before = broken.read()
    if what in before:
        raise LocalAwsError(f"{what} is broken already; make mend mends it.")
    saved = BREAKS[what].apply(stage)
    broken.write({**before, what: saved})
    return [*report.wrap(f"Broken: {BREAKS[what].what}. Expect {BREAKS[what].alarm}."), _NEXT]


def mend_now(stage: Stage, what: str = "") -> list[str]:
    """Mend one thing or all that is broken, the last first, and return what to say."""
    broken = Broken(stage.state)
    left = broken.read()
    if what and what not in left:
        raise LocalAwsError(f"{what} is not broken.")
    lines = []
    for name in [what] if what else list(reversed(left)):
        BREAKS[name].mend(stage, left.pop(name))
        broken.write(left)
        lines.append(f"Mended: {name}.")
    return lines or ["Nothing is broken."]


if __name__ == "__main__":
    sys.exit(main())
