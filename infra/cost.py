"""The cost of a canary per month: `python -m infra.cost --targets 100 --every 60`.

Free tiers are not deducted. List prices of US East (N. Virginia); other regions differ by up to a quarter.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PRICES_OF = "2026-11"
MINUTES_PER_MONTH = 730 * 60
SHORTEST_PERIOD_S = 60
ARCHITECTURES = ("arm64", "x86_64")

# Log bytes of a healthy target per run, with CloudWatch's 26 bytes for each of its four lines, and those of Lambda per
# run. A test compares the first with the actual output.
LOG_BYTES_PER_TARGET = 2_390
LOG_BYTES_PER_RUN = 500
# ConnectSuccess and ConnectLatency per target; ConnectSuccess and CertificateDaysLeft of the canary.
METRICS_PER_TARGET = 2
METRICS_PER_CANARY = 2
# Metrics of the alarms, each of which is billed: SilentCanary and a shard's are on two. TargetsFailing and
# UnexpectedAccept are queries, billed by the metrics that they find: ConnectFailures, which only an ill target has.
# A test counts them in the template.
METRICS_OF_ALARMS = {
    "SilentCanaryAlarm": 2,
    "CanaryErrorsAlarm": 1,
    "CertificateAlarm": 1,
    "NotificationsFailingAlarm": 1,
}
METRICS_OF_SHARD_ALARM = 2
HOURS_PER_MONTH = 730
# The pager's tick, its memory, and the time of a tick in which nothing is to be told.
TICK_MINUTES = 5
TICK_MB = 256
TICK_SECONDS = 0.2
TICK_LOG_BYTES = 500
# An account has this many dashboards free of charge, each of at most 50 metrics.
FREE_DASHBOARDS = 3
# Default quota per account; adjustable, and lower in some regions (AWS general reference, AWS IoT Core).
MAX_CONNECTS_PER_SECOND = 500
# A secret is cached for 300 s.
SECRET_CALLS_PER_MONTH = MINUTES_PER_MONTH // 5

# Duration of a run: the slowest target's round trips, and CPU time per target. `make bench` measures both.
_NETWORK_S = 0.3
_CPU_S_PER_TARGET = 0.005
# Memory that comes with one vCPU (Lambda developer guide, configuration-memory).
_MB_PER_PROCESSOR = 1769


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price in dollars per unit, and its source."""

    dollars: float
    per: str
    source: str


_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_IOT = "https://aws.amazon.com/iot-core/pricing/"

PRICES = {
    "schedule": Price(dollars=1.00e-6, per="invocation", source="https://aws.amazon.com/eventbridge/pricing/"),
    "request": Price(dollars=0.20e-6, per="request", source=_LAMBDA),
    "arm64": Price(dollars=0.0000133334, per="GB-second", source=_LAMBDA),
    "x86_64": Price(dollars=0.0000166667, per="GB-second", source=_LAMBDA),
    "log": Price(dollars=0.50, per="GB", source=_CLOUDWATCH),
    # An alarm is billed by its metrics; one on a query by those that the query finds, by the hour.
    "alarm": Price(dollars=0.10, per="metric", source=_CLOUDWATCH),
    "dashboard": Price(dollars=3.00, per="dashboard", source=_CLOUDWATCH),
    # A connection is billed in whole minutes, a CONNECT as one message; CONNACK and DISCONNECT are free.
    "connection": Price(dollars=0.08e-6, per="minute", source=_IOT),
    "message": Price(dollars=1.00e-6, per="message", source=f"{_IOT}additional-details/"),
    "secret": Price(dollars=0.40, per="secret", source="https://aws.amazon.com/secrets-manager/pricing/"),
    "secret call": Price(dollars=5.00e-6, per="call", source="https://aws.amazon.com/secrets-manager/pricing/"),
}
# Tiers of custom metrics: upper bound, dollars per metric (same source as alarms). A metric is billed for the hours in
# which it was sent, so one that is sent every hour for a whole month.
METRIC_TIERS = ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (math.inf, 0.02))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The workload to price; `every` and `run_seconds`, the duration of an invocation, are in seconds."""

    targets: int = 1
    every: int = 60
    shards: int = 1
    memory_mb: int = 512
    architecture: str = "arm64"
    run_seconds: float | None = None
    slow_connect_alarm: bool = False
    ill_hours: int = 0
    dashboards: int = 1
    secrets: int = 0

    @property
    def runs(self) -> float:
        """Invocations per month."""
        return MINUTES_PER_MONTH * 60 / self.every * self.shards

    @property
    def connects(self) -> float:
        """Connects per month."""
        return MINUTES_PER_MONTH * 60 / self.every * self.targets

    @property
    def seconds_per_run(self) -> float:
        """The duration of an invocation: `run_seconds`, or an estimate."""
        if self.run_seconds is not None:
            return self.run_seconds
        processors = min(1.0, self.memory_mb / _MB_PER_PROCESSOR)
        return _NETWORK_S + math.ceil(self.targets / self.shards) * _CPU_S_PER_TARGET / processors

    @property
    def connects_per_second(self) -> float:
        """Peak rate of connects: shards that start in the same minute start together."""
        groups = min(self.shards, max(1, self.every // SHORTEST_PERIOD_S))
        return self.targets / groups / max(1.0, self.seconds_per_run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the bill; `dollars` per month."""

    subject: str
    quantity: float
    unit: str
    dollars: float


def bill(workload: Workload) -> list[Line]:
    """Return the bill of a month, one line for each price."""
    shard_metrics = workload.shards if workload.shards > 1 else 0
    ill_metrics = workload.ill_hours / HOURS_PER_MONTH
    metrics = METRICS_PER_CANARY + METRICS_PER_TARGET * workload.targets + shard_metrics + ill_metrics
    queried = ill_metrics + (workload.targets if workload.slow_connect_alarm else 0)
    alarms = sum(METRICS_OF_ALARMS.values()) + METRICS_OF_SHARD_ALARM * shard_metrics
    log_gb = (LOG_BYTES_PER_RUN * workload.runs + LOG_BYTES_PER_TARGET * workload.connects) / 1e9
    gb_seconds = workload.runs * workload.seconds_per_run * workload.memory_mb / 1024
    return [
        _line("Scheduler", "schedule", workload.runs),
        _line("Lambda requests", "request", workload.runs),
        _line("Lambda duration", workload.architecture, gb_seconds),
        _line("Logs", "log", log_gb),
        Line(subject="Metrics", quantity=metrics, unit="metric", dollars=metrics_price(metrics)),
        _line("Alarms", "alarm", alarms),
        _line("Alarms on queries", "alarm", queried),
        *_pager(workload),
        _line("IoT connections", "connection", workload.connects),
        _line("IoT messages", "message", workload.connects),
        _line("Dashboards", "dashboard", max(0, workload.dashboards - FREE_DASHBOARDS)),
        _line("Secrets", "secret", workload.secrets),
        _line("Secret calls", "secret call", workload.secrets * workload.shards * SECRET_CALLS_PER_MONTH),
    ]


def _pager(workload: Workload) -> Iterator[Line]:
    """Yield the lines of the pager, which is almost only its tick."""
    ticks = MINUTES_PER_MONTH / TICK_MINUTES
    yield _line("Pager's schedule", "schedule", ticks)
    yield _line("Pager's requests", "request", ticks)
    yield _line("Pager's duration", workload.architecture, ticks * TICK_SECONDS * TICK_MB / 1024)
    yield _line("Pager's log", "log", ticks * TICK_LOG_BYTES / 1e9)


def total(lines: Sequence[Line]) -> float:
    """Return the sum in dollars."""
    return sum(line.dollars for line in lines)


def metrics_price(metrics: float) -> float:
    """Return the price of this many custom metrics, in dollars per month."""
    dollars, below = 0.0, 0.0
    for up_to, price in METRIC_TIERS:
        dollars += max(0.0, min(metrics, up_to) - below) * price
        below = up_to
    return dollars


def _line(subject: str, price: str, quantity: float) -> Line:
    return Line(subject=subject, quantity=quantity, unit=PRICES[price].per, dollars=quantity * PRICES[price].dollars)


def format_bill(workload: Workload) -> Iterator[str]:
    """Yield the bill as lines of text, without those of quantity 0."""
    lines = [line for line in bill(workload) if line.quantity]
    yield (
        f"{workload.targets} target(s) every {workload.every} s in {workload.shards} invocation(s) "
        f"of {workload.seconds_per_run:.2f} s with {workload.memory_mb} MB, {workload.architecture}"
    )
    for line in lines:
        yield f"  {line.subject:<18}{line.quantity:>14,.2f} {line.unit:<12}{line.dollars:>10.2f} USD"
    yield f"  {'per month':<45}{total(lines):>10.2f} USD"
    yield (
        f"At its peak {workload.connects_per_second:,.0f} connect(s) per second; "
        f"the default quota of an account is {MAX_CONNECTS_PER_SECOND}, its devices included."
    )
    yield f"List prices of US East (N. Virginia), {PRICES_OF}, free tiers not deducted."


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the bill and return the exit code; invalid arguments exit with 2."""
    parsed = _parser().parse_args(arguments)
    workload = Workload(**vars(parsed))
    if workload.seconds_per_run > workload.every:
        _parser().error(
            f"one run takes {workload.seconds_per_run:.0f} s, longer than {workload.every} s; use more --shards"
        )
    if workload.shards > workload.targets:
        _parser().error(f"{workload.targets} target(s) cannot be split into {workload.shards} shards")
    print("\n".join(format_bill(workload)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description=__doc__)
    parser.add_argument("--targets", type=_count, default=1, help="how many targets (default 1)")
    parser.add_argument("--every", type=_period, default=60, metavar="SECONDS", help="between two runs (default 60)")
    parser.add_argument("--shards", type=_count, default=1, help="invocations that share the targets (default 1)")
    parser.add_argument("--memory_mb", type=_count, default=512, help="the function's memory (default 512)")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="arm64", help="default arm64")
    parser.add_argument("--run_seconds", type=_seconds, help="time of one invocation (default: estimated)")
    parser.add_argument("--slow_connect_alarm", action="store_true", help="with a threshold for SlowConnectAlarm")
    parser.add_argument("--ill_hours", type=_non_negative, default=0, help="hours in which a target failed, added up")
    parser.add_argument(
        "--dashboards", type=_non_negative, default=1, help="of the account, of which three are free (default 1)"
    )
    parser.add_argument("--secrets", type=_non_negative, default=0, help="secrets in Secrets Manager (default 0)")
    return parser


def _non_negative(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _period(text: str) -> int:
    if _non_negative(text) < SHORTEST_PERIOD_S:
        raise argparse.ArgumentTypeError(f"{text!r} is less than {SHORTEST_PERIOD_S} s, a schedule's shortest period")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 900:  # noqa: PLR2004 - Lambda's maximum timeout
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, at most 900")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
