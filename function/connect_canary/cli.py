"""The command line: the Lambda's run, asked for with flags and shown to people. It only wires."""

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from connect_canary import flags
from connect_canary.flags import Asked, Command
from connect_canary.settings import SettingsError

if TYPE_CHECKING:
    from connect_canary.outcome import Outcome
    from connect_canary.plan import Plan

HEALTHY, UNHEALTHY, WRONG_QUESTION, BUG = 0, 1, 2, 3
INTERRUPTED, NOBODY_READS = 130, 141  # as a shell says it of a process that SIGINT or SIGPIPE has ended
# AWS IoT takes one CONNECT a second from a client id, which --client_id makes the same for every run.
_CLIENT_ID_EVERY_S = 1.0


class _View(Protocol):
    """What shows a run to whoever asked."""

    def checked(self, plan: "Plan") -> None:
        """Show what would run."""

    def starts(self, run: int, plan: "Plan") -> None:
        """Show that a run begins."""

    def ended(self, outcome: "Outcome") -> None:
        """Show, within a run, that a target's attempt has ended; must be quick."""

    def ran(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        """Show what a run came to."""

    def closes(self) -> None:
        """Show what all runs came to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _main(given, os.environ)
        # What cannot be written must be known before the exit code is.
        sys.stdout.flush()
    except SettingsError as error:
        return _complain(error.problems)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        return _complain([f"{package} is needed for this and not installed; in the project: pip install '.[cli]'"])
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _write_nowhere()
        return NOBODY_READS
    except OSError as error:
        _write_nowhere()
        print(f"connect-canary: the system cannot go on: {error.strerror or error}", file=sys.stderr)
        return BUG
    except Exception:  # noqa: BLE001 - its code must not be that of an unhealthy target
        traceback.print_exc()
        return BUG
    return code


def _write_nowhere() -> None:
    """Give up standard output, which the interpreter would flush again at exit and complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"connect-canary: {problem}", file=sys.stderr)
    return WRONG_QUESTION


def _main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    if sys.stdout is None:
        raise SettingsError(["standard output is closed; allowed: a terminal, a file or a pipe"])
    asked = flags.read(arguments)
    if asked is None:
        return WRONG_QUESTION
    view = _Json(indent=2 if asked.repeat is None else None) if asked.as_json else _screen(asked)
    # Loads the SDK, which --help and a misspelt flag need not wait for.
    from connect_canary.plan import make_plan  # noqa: PLC0415

    plan = make_plan(asked.event, environ, flags=asked.values, spell=flags.spell)
    code = HEALTHY
    if asked.command is Command.CHECK:
        view.checked(plan)
    else:
        code = _connect(plan, asked, view)
    return _complain(plan.problems) if plan.problems else code


def _screen(asked: Asked) -> _View:
    from connect_canary.screen import Screen  # noqa: PLC0415 - an optional package draws it

    return Screen(sys.stdout, runs=asked.repeat)


def _connect(plan: "Plan", asked: Asked, view: _View) -> int:
    """Return the exit code of all runs; Ctrl-C ends them with what there is."""
    from connect_canary import canary  # noqa: PLC0415 - it loads the SDK

    healthy: list[bool] = []
    runs = asked.repeat or 1
    try:
        for run in range(1, runs + 1):
            began = time.monotonic()
            view.starts(run, plan)
            # Nothing ends the process from outside: each target's own deadline is enough.
            outcomes = canary.connect(plan, until=math.inf, report=view.ended)
            healthy.append(all(outcome.healthy for outcome in outcomes))
            view.ran(plan, outcomes)
            if run < runs:
                time.sleep(_pause_s(plan, asked.interval_s - (time.monotonic() - began)))
    except KeyboardInterrupt:
        view.closes()
        if not healthy:
            raise
    else:
        view.closes()
    return HEALTHY if all(healthy) else UNHEALTHY


def _pause_s(plan: "Plan", left_s: float) -> float:
    fixed = any(planned.target.client_id for planned in plan.planned)
    return max(left_s, _CLIENT_ID_EVERY_S if fixed else 0.0)


class _Json:
    """Prints the Lambda's return value, one line a run when there are many."""

    def __init__(self, *, indent: int | None) -> None:
        self._indent = indent

    def checked(self, plan: "Plan") -> None:
        from connect_canary.canary import listed  # noqa: PLC0415 - it loads the SDK

        self._print(listed(plan))

    def starts(self, run: int, plan: "Plan") -> None:
        """Say nothing."""

    def ended(self, outcome: "Outcome") -> None:
        """Say nothing."""

    def ran(self, plan: "Plan", outcomes: "list[Outcome]") -> None:
        from connect_canary.canary import answer  # noqa: PLC0415 - it loads the SDK

        self._print(answer(plan, outcomes))

    def closes(self) -> None:
        """Say nothing."""

    def _print(self, said: dict[str, object]) -> None:
        print(json.dumps(said, indent=self._indent), flush=True)
