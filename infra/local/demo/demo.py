"""The demo of `make run`: one invocation for each auth mode, then scheduled runs with metrics, alarms and pages."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import LocalAwsError
from infra.local.client.stacks import DeployedStack
from infra.local.demo import demo_targets, operator_env, report
from infra.local.demo.deployment import deploy
from infra.local.demo.display import Display, open_display
from infra.local.demo.pages import PageInbox
from infra.local.demo.run_log import RunLog
from infra.local.demo.running import announced
from infra.local.demo.view import View
from infra.local.demo.watch import Watch

_POLL_SECONDS = 0.5
_ALARM_DELAY_SECONDS = 2.0
# Whoever asked for a number of runs waits for no run longer than this; the alarm on silence has rung by then.
_MAX_WAIT_MINUTES = 15


@dataclass(slots=True, kw_only=True)
class Demo:
    """One demo and its results so far, which determine the exit code."""

    template: Path
    runs: int | None
    speed: float
    stopped: Callable[[], bool]
    verdicts: list[bool] = field(default_factory=list)
    scheduled: int = 0

    @property
    def exit_code(self) -> int:
        """0 if there were results and all were healthy, else 1."""
        return 0 if self.verdicts and all(self.verdicts) else 1

    def run(self) -> int:
        """Run the demo and return the exit code; a problem is printed and returns 1."""
        try:
            self._run()
        except (LocalAwsError, ClientError, BotoCoreError, OSError) as error:
            for line in report.wrap(f"make run cannot go on: {error}"):
                sys.stderr.write(line + "\n")
            return 1
        _print("Everything is stopped and removed.")
        return self.exit_code

    def _run(self) -> None:
        _print("Starting a local AWS on loopback ...")
        started = time.monotonic()
        with LocalAws.start(speed=self.speed) as aws:
            _print("Deploying a sample custom authorizer and the canary ...")
            stack, _ = deploy(aws, self.template, speed=self.speed)
            _print(f"Ready after {time.monotonic() - started:.1f} s. IoT endpoint: {aws.iot_endpoint}")
            function = stack.resource("CanaryFunction")
            self._show_modes(aws, function)
            watch = Watch(
                aws=aws,
                stack=stack,
                log=RunLog(aws=aws, group=aws.log_group(function)),
                inbox=PageInbox.subscribe(aws, stack.outputs["PageTopicArn"]),
                view=View(speed=self.speed, endpoint=aws.iot_endpoint),
            )
            operator = _write_operator(aws, stack)
            with announced(operator):
                self._follow_schedule(watch)

    def _show_modes(self, aws: LocalAws, function: str) -> None:
        _print()
        _print("Each way to authenticate, invoked once:")
        for name in demo_targets.MODES:
            invocation = aws.invoke(function, {"only": [name]})
            if invocation.failed:
                self.verdicts.append(False)
                _print(report.shorten(f"  {name:<9} failed: {invocation.payload['errorMessage']}"))
                continue
            outcome = _first_outcome(invocation.payload)
            self.verdicts.append(bool(outcome["healthy"]))
            for line in report.outcome_lines(outcome):
                _print(line)

    def _follow_schedule(self, watch: Watch) -> None:
        end = f"{self.runs} scheduled run(s)" if self.runs else "Ctrl-C"
        _print()
        _print(f"The schedule takes over: all targets every {60 / self.speed:.0f} s, until {end}.")
        last_run = time.monotonic()
        with open_display() as display:
            while not self.stopped() and (self.runs is None or self.scheduled < self.runs):
                time.sleep(_POLL_SECONDS)
                if self._tell(watch, display):
                    last_run = time.monotonic()
                self._check_silence(time.monotonic() - last_run)

    def _tell(self, watch: Watch, display: Display) -> bool:
        """Tell what is new; return whether there was a scheduled run."""
        runs = list(enumerate(watch.runs(), start=self.scheduled + 1))
        self.scheduled += len(runs)
        self.verdicts += [run.healthy for _, run in runs]
        if runs:
            # The alarms are evaluated after the run.
            time.sleep(_ALARM_DELAY_SECONDS / self.speed)
            watch.metrics(watch.view.targets)
        for alarm, before in watch.alarms():
            display.on_alarm(alarm, before)
        for page in watch.pages():
            display.on_page(page)
        for number, run in runs:
            display.on_run(watch.view, number, run)
        display.refresh(watch.view)
        return bool(runs)

    def _check_silence(self, seconds: float) -> None:
        max_wait_s = _MAX_WAIT_MINUTES * 60 / self.speed + _ALARM_DELAY_SECONDS
        if self.runs is not None and seconds > max_wait_s:
            raise LocalAwsError(f"The schedule has not fired for {max_wait_s:.0f} s.")


def _first_outcome(payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(payload["targets"][0])
    except (TypeError, LookupError) as error:
        raise LocalAwsError("The deployed function's response is not a canary's.") from error


def _print(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _write_operator(aws: LocalAws, stack: DeployedStack) -> Path:
    names = {"FUNCTION": stack.resource("CanaryFunction"), "ROLE": stack.resource("CanaryRole")}
    path = operator_env.write(aws, names)
    _print()
    _print("To break something, in another terminal: make break. To look in (see README):")
    _print(f"  . {path}")
    return path
