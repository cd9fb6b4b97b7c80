"""The command line's entry point and exit codes."""

import math
import os
import sys
import time
import traceback
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING

from connect_canary.cli.arguments import Arguments, argument_name, parse_arguments
from connect_canary.cli.log_source import LogUnreadableError
from connect_canary.cli.parser import Command
from connect_canary.cli.reporter import REPORTERS, Reporter, ReportOptions
from connect_canary.cli.run_credentials import RunCredentials
from connect_canary.config.problems import SettingsError, bounded

if TYPE_CHECKING:
    from connect_canary.config.plan import Plan

HEALTHY = 0
UNHEALTHY = 1
USAGE_ERROR = 2
INTERNAL_ERROR = 3
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + SIGINT and SIGPIPE, as shells report them
# AWS general reference, AWS IoT Core quotas: one CONNECT per second and client id, which --client_id fixes.
_CLIENT_ID_INTERVAL_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = _main(sys.argv[1:] if arguments is None else arguments, os.environ)
        # A broken pipe must be known before the exit code is.
        sys.stdout.flush()
    except SettingsError as error:
        return _print_problems(error.problems)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        return _print_problems([f"{package} is needed for this and not installed: pip install iot-connect-canary"])
    except LogUnreadableError as error:
        print(f"connect-canary: {error}", file=sys.stderr)
        return INTERNAL_ERROR
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
    """Redirect stdout to /dev/null, or the interpreter's flush at exit raises again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_problems(problems: Sequence[str]) -> int:
    for problem in bounded(problems):
        print(f"connect-canary: {problem}", file=sys.stderr)
    return USAGE_ERROR


def _main(arguments: Sequence[str], environ: MutableMapping[str, str]) -> int:
    if sys.stdout is None:
        raise SettingsError(["standard output is closed; allowed: a terminal, a file or a pipe"])
    parsed = parse_arguments(arguments)
    if parsed is None:
        return USAGE_ERROR
    if parsed.report is not None:
        from connect_canary.cli.report import make_report  # noqa: PLC0415 - the other commands do not need it

        make_report(parsed.report, environ)
        return HEALTHY
    reporter = REPORTERS[parsed.output](ReportOptions(runs=parsed.repeat, verbose=parsed.verbose))
    credentials = RunCredentials(parsed, environ)
    # Imported late: it loads the SDK, which --help and a misspelt flag do not need.
    from connect_canary.run import plan_run  # noqa: PLC0415

    plan = plan_run(parsed.event, environ, arguments=parsed.values, format_name=argument_name)
    if parsed.command is Command.CONNECT:
        plan = credentials.for_plan(plan)
    if credentials.source is not None:
        reporter.on_credentials(credentials.source)
    code = HEALTHY
    if parsed.command is Command.CHECK:
        reporter.on_plan(plan)
    else:
        code = _run_repeatedly(plan, parsed, reporter, credentials)
    return _print_problems(plan.problems) if plan.problems else code


def _run_repeatedly(plan: "Plan", parsed: Arguments, reporter: Reporter, credentials: RunCredentials) -> int:
    """Return the exit code of all runs; Ctrl-C ends them with the results so far."""
    from connect_canary.run import run_plan  # noqa: PLC0415 - loads the SDK

    healthy: list[bool] = []
    runs = parsed.repeat or 1
    try:
        for run in range(1, runs + 1):
            started = time.monotonic()
            credentials.renew()
            reporter.on_run_start(run, plan)
            # No deadline of Lambda's: each target has its own.
            outcomes = run_plan(plan, deadline=math.inf, on_outcome=reporter.on_target_done)
            healthy.append(all(outcome.healthy for outcome in outcomes))
            reporter.on_run_done(plan, outcomes)
            _send_heartbeat(plan, parsed)
            if run < runs:
                time.sleep(_delay_s(plan, parsed.interval_s - (time.monotonic() - started)))
    except (KeyboardInterrupt, SettingsError) as error:
        reporter.on_finish()
        if not healthy or isinstance(error, SettingsError):
            raise
    else:
        reporter.on_finish()
    return HEALTHY if all(healthy) else UNHEALTHY


def _send_heartbeat(plan: "Plan", parsed: Arguments) -> None:
    """Send the heartbeat if a flag names it: the variable is the deployed canary's, whose silence must show."""
    if plan.heartbeat is None or plan.problems or "heartbeat_url" not in parsed.values:
        return
    from connect_canary.reporting.heartbeat import TIMEOUT_S, send_heartbeat  # noqa: PLC0415 - seldom needed

    failure = send_heartbeat(plan.heartbeat, timeout_s=TIMEOUT_S)
    if failure is not None:
        print(f"connect-canary: the heartbeat failed: {failure}", file=sys.stderr)


def _delay_s(plan: "Plan", remaining_s: float) -> float:
    fixed = any(planned.target.client_id for planned in plan.planned)
    return max(remaining_s, _CLIENT_ID_INTERVAL_S if fixed else 0.0)
