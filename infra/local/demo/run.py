"""`make run`: the whole canary on a local AWS, until Ctrl-C or a number of scheduled runs."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from infra.local.client.process import REPOSITORY

LOCAL_TEMPLATE = REPOSITORY / ".aws-sam" / "local" / "template.yaml"
_FASTEST = 12
_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class _SignalHandler:
    """Exits the process on the first SIGINT or SIGTERM, so that context managers clean up."""

    def __init__(self) -> None:
        self.exit_code = 0
        for number in _EXIT_CODES:
            signal.signal(number, self._stop)

    def received(self) -> bool:
        return self.exit_code != 0

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        # A second signal must not interrupt the clean-up.
        for each in _EXIT_CODES:
            signal.signal(each, signal.SIG_IGN)
        self.exit_code = _EXIT_CODES[signal.Signals(number)]
        sys.exit(self.exit_code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 healthy, 1 unhealthy or failed, 2 invalid arguments.

    After Ctrl-C the runs so far decide, or it is 130 if no scheduled run has finished; after SIGTERM it is 143.
    """
    options = _options(arguments)
    signals = _SignalHandler()
    demo, exit_code = None, 0
    try:
        # Imported late: it takes half a second, during which Ctrl-C must work too.
        from infra.local.demo.demo import Demo  # noqa: PLC0415

        demo = Demo(
            template=options.template,
            runs=options.runs,
            speed=options.speed,
            stopped=signals.received,
        )
        exit_code = demo.run()
    except SystemExit:
        sys.stdout.write("\nStopped; everything is removed.\n")
    if demo and demo.scheduled and signals.exit_code == _EXIT_CODES[signal.SIGINT]:
        return demo.exit_code
    return signals.exit_code or exit_code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--runs", type=_runs, metavar="N", help="end after N scheduled runs")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help=f"let X minutes of schedules and alarms pass in one (1 to {_FASTEST}; default 1)",
    )
    parser.add_argument("--template", type=Path, default=LOCAL_TEMPLATE, help="built template to deploy")
    options = parser.parse_args(arguments)
    if not options.template.is_file():
        parser.error(f"there is no template at {options.template}; `make run` makes it")
    return options


def _runs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 1 <= float(text) <= _FASTEST:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_FASTEST}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Standard output was closed, as by `make run | head`.
        os._exit(1)
