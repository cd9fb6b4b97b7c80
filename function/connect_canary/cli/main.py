"""The command line's entry point and exit codes."""

import math
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from connect_canary.cli.arguments import Arguments, argument_name, parse_arguments
from connect_canary.cli.json_report import JsonReporter
from connect_canary.cli.parser import Command
from connect_canary.cli.reporter import Reporter
from connect_canary.config.problems import SettingsError
from connect_canary.run import run_plan

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan

HEALTHY = 0
UNHEALTHY = 1
USAGE_ERROR = 2
INTERNAL_ERROR = 3
INTERRUPTED = 130  # as a shell says it of a process that SIGINT or SIGPIPE has ended
BROKEN_PIPE = 141  # as a shell says it of a process that SIGINT or SIGPIPE has ended
# AWS IoT takes one CONNECT a second from a client id, which --client_id makes the same for every run.
_CLIENT_ID_INTERVAL_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _main(given, os.environ)
        # What cannot be written must be known before the exit code is.
        sys.stdout.flush()
    except SettingsError as error:
        return _print_problems(error.problems)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        return _print_problems(
            [f"{package} is needed for this and not installed; in the project: pip install '.[cli]'"]
        )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _redirect_stdout_to_devnull()
        return BROKEN_PIPE
    except OSError as error:
        _redirect_stdout_to_devnull()
        print(f"connect-canary: the system cannot go on: {error.strerror or error}", file=sys.stderr)
        return INTERNAL_ERROR
    except Exception:  # noqa: BLE001 - its code must not be that of an unhealthy target
        traceback.print_exc()
        return INTERNAL_ERROR
    return code


def _redirect_stdout_to_devnull() -> None:
    """Give up standard output, which the interpreter would flush again at exit and complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_problems(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"connect-canary: {problem}", file=sys.stderr)
    return USAGE_ERROR


def _main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    if sys.stdout is None:
        raise SettingsError(["standard output is closed; allowed: a terminal, a file or a pipe"])
    asked = parse_arguments(arguments)
    if asked is None:
        return USAGE_ERROR
    view = JsonReporter(indent=2 if asked.repeat is None else None) if asked.as_json else _console_reporter(asked)
    # Loads the SDK, which --help and a misspelt flag need not wait for.
    from connect_canary.config.plan import make_plan  # noqa: PLC0415

    plan = make_plan(asked.event, environ, flags=asked.values, spell=argument_name)
    code = HEALTHY
    if asked.command is Command.CHECK:
        view.checked(plan)
    else:
        code = _run_repeatedly(plan, asked, view)
    return _print_problems(plan.problems) if plan.problems else code


def _console_reporter(asked: Arguments) -> Reporter:
    from connect_canary.cli.console_report import ConsoleReporter  # noqa: PLC0415 - an optional package draws it

    return ConsoleReporter(sys.stdout, runs=asked.repeat)


def _run_repeatedly(plan: "Plan", asked: Arguments, view: Reporter) -> int:
    """Return the exit code of all runs; Ctrl-C ends them with what there is."""
    # was: module canary

    healthy: list[bool] = []
    runs = asked.repeat or 1
    try:
        for run in range(1, runs + 1):
            began = time.monotonic()
            view.starts(run, plan)
            # Nothing ends the process from outside: each target's own deadline is enough.
            outcomes = run_plan(plan, until=math.inf, report=view.ended)
            healthy.append(all(outcome.healthy for outcome in outcomes))
            view.ran(plan, outcomes)
            if run < runs:
                time.sleep(_delay_s(plan, asked.interval_s - (time.monotonic() - began)))
    except KeyboardInterrupt:
        view.closes()
        if not healthy:
            raise
    else:
        view.closes()
    return HEALTHY if all(healthy) else UNHEALTHY


def _delay_s(plan: "Plan", left_s: float) -> float:
    fixed = any(planned.target.client_id for planned in plan.planned)
    return max(left_s, _CLIENT_ID_INTERVAL_S if fixed else 0.0)
