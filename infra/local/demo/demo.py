"""The demo of `make run`: one invocation for each auth mode, then scheduled runs with metrics and alarms."""

import platform
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
from infra.local.demo.run_log import RunLog

CANARY = "local"
STACK = "iot-connect-canary"

_NAMESPACE = "IoTConnectCanary"
_METRIC_HEADERS = (
    "target",
    "runs",
    "ConnectSuccess",
    "last ConnectLatency",
)
_ALARM_TYPES = frozenset({"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"})
_POLL_SECONDS = 0.5
_ALARM_DELAY_SECONDS = 2.0
_MAX_WAIT_MINUTES = 3


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
            stack = _deploy(aws, self.template)
            _print(f"Ready after {time.monotonic() - started:.1f} s. IoT endpoint: {aws.iot_endpoint}")
            function = stack.resource("CanaryFunction")
            log = RunLog(aws=aws, group=aws.log_group(function))
            self._show_modes(aws, function)
            for _ in log.new_runs():
                pass  # our own invocations
            _print_operator_hint(aws, stack)
            self._follow_schedule(aws, stack, log)

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

    def _follow_schedule(self, aws: LocalAws, stack: DeployedStack, log: RunLog) -> None:
        end = f"{self.runs} scheduled run(s)" if self.runs else "Ctrl-C"
        _print()
        _print(f"The schedule takes over: all targets every {60 / self.speed:.0f} s, until {end}.")
        max_wait_s = _MAX_WAIT_MINUTES * 60 / self.speed + _ALARM_DELAY_SECONDS
        last_run = time.monotonic()
        while not self.stopped() and (self.runs is None or self.scheduled < self.runs):
            time.sleep(_POLL_SECONDS)
            for run in log.new_runs():
                last_run = time.monotonic()
                self.scheduled += 1
                self.verdicts.append(run.healthy)
                # The alarms are evaluated after the run.
                time.sleep(_ALARM_DELAY_SECONDS / self.speed)
                for line in report.run_lines(self.scheduled, run) + _tables(aws, stack):
                    _print(line)
            if time.monotonic() - last_run > max_wait_s:
                raise LocalAwsError(f"The schedule has not fired for {max_wait_s:.0f} s.")


def _first_outcome(payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(payload["targets"][0])
    except (TypeError, LookupError) as error:
        raise LocalAwsError("The deployed function's response is not a canary's.") from error


def _print(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _print_operator_hint(aws: LocalAws, stack: DeployedStack) -> None:
    names = {"FUNCTION": stack.resource("CanaryFunction"), "ROLE": stack.resource("CanaryRole")}
    path = operator_env.write(aws, names)
    _print()
    _print("To look in or to break something, in another terminal (see README, Break it):")
    _print(f"  . {path}")


def _deploy(aws: LocalAws, template: Path) -> DeployedStack:
    targets = demo_targets.set_up(aws, CANARY)
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    parameters = {"Name": CANARY, "Targets": targets.reference, "Architecture": machine}
    return aws.deploy(template, name=STACK, parameters=parameters)


def _tables(aws: LocalAws, stack: DeployedStack) -> list[str]:
    metrics = [_metric_row(aws, target) for target in demo_targets.MODES]
    all_alarms = aws.alarms()
    alarms = {
        logical_id: all_alarms[stack.resources[logical_id]]
        for logical_id, kind in stack.types.items()
        if kind in _ALARM_TYPES
    }
    states = [(logical_id, str(alarm["StateValue"])) for logical_id, alarm in alarms.items()]
    reasons = [
        report.wrap(f"{logical_id} is {alarm['StateValue']} since {_local_time(alarm)}: {alarm['StateReason']}")
        for logical_id, alarm in alarms.items()
        if alarm["StateValue"] != "OK"
    ]
    return [
        "",
        *report.table(metrics, _METRIC_HEADERS),
        "",
        *_certificate_lines(aws),
        *report.table(states, ("alarm", "state")),
        "",
        *(line for reason in reasons for line in [*reason, ""]),
    ]


def _local_time(alarm: Mapping[str, Any]) -> str:
    return f"{alarm['StateUpdatedTimestamp'].astimezone():%H:%M:%S}"


def _metric_row(aws: LocalAws, target: str) -> tuple[str, ...]:
    dimensions = {"Canary": CANARY, "Target": target}
    success, latency = (
        aws.metric_points(_NAMESPACE, metric, dimensions) for metric in ("ConnectSuccess", "ConnectLatency")
    )
    return (
        target,
        f"{sum(point['SampleCount'] for point in success):.0f}",
        f"{sum(point['Sum'] for point in success):.0f}",
        f"{latency[-1]['Average']:.0f} ms" if latency else "-",
    )


def _certificate_lines(aws: LocalAws) -> list[str]:
    days = aws.metric_points(_NAMESPACE, "CertificateDaysLeft", {"Canary": CANARY})
    return [f"CertificateDaysLeft of all targets, minimum: {days[-1]['Minimum']:.0f}", ""] if days else []
