"""The bill of a month, line by line."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from aws_lambda_powertools import Logger

from connect_canary.reporting.log import append_run_keys, log_outcome, new_logger
from connect_canary.reporting.metrics import emit_metrics
from infra import cost
from infra.cost import Workload, bill, metrics_price, total
from infra.shards import template
from tests.template.alarm_metrics import watched_metrics
from tests.template.cloudformation import canary
from tests.template.deployed_alarms import ALARM
from tests.unit.factories import outcome_of

_EVENT_BYTES = 26


def _line(workload: Workload, subject: str) -> cost.Line:
    (line,) = [line for line in bill(workload) if line.subject == subject]
    return line


def test_bill_of_one_target() -> None:
    """One target per minute costs about two dollars per month."""
    assert 1.5 < total(bill(Workload())) < 2.0


def test_bill_grows_with_targets() -> None:
    """Messages and metrics are billed per target, the schedule per run."""
    one, hundred = Workload(), Workload(targets=100)
    assert _line(hundred, "Scheduler") == _line(one, "Scheduler")
    assert _line(hundred, "IoT messages").dollars == pytest.approx(100 * _line(one, "IoT messages").dollars)
    assert _line(one, "Metrics").quantity == 4
    assert _line(hundred, "Metrics").quantity == 202


def test_bill_shrinks_with_period() -> None:
    """A run every five minutes costs a fifth of what is billed per run; metrics cost the same."""
    often, seldom = Workload(), Workload(every=300)
    for subject in ("Scheduler", "Lambda requests", "Lambda duration", "Logs", "IoT connections"):
        assert _line(seldom, subject).dollars == pytest.approx(_line(often, subject).dollars / 5)
    assert _line(seldom, "Metrics") == _line(often, "Metrics")


def test_bill_with_shards() -> None:
    """Ten shards make ten times the invocations, each shorter, and the same number of connects."""
    whole, sharded = Workload(targets=1000), Workload(targets=1000, shards=10)
    assert _line(sharded, "Scheduler").quantity == 10 * _line(whole, "Scheduler").quantity
    assert sharded.seconds_per_run < whole.seconds_per_run / 5
    assert sharded.connects == whole.connects


def test_connects_per_second() -> None:
    """Shards start together if they run every minute, and a minute apart with a longer period."""
    together, apart = (Workload(targets=1000, shards=10, every=every, run_seconds=2.0) for every in (60, 300))
    assert together.connects_per_second == 500
    assert apart.connects_per_second == 100
    assert Workload(run_seconds=0.3).connects_per_second == 1


def test_cost_table_is_current() -> None:
    """The table in docs/operations.md is what the command computes."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    text = page.partition("## Cost\n")[2].partition("## Scale\n")[0]
    rows = [re.findall(r"[0-9][0-9,.]*", line) for line in text.splitlines() if re.match(r"\| [0-9]", line)]
    assert len(rows) > 3
    for targets, every, shards, seconds, connects, dollars in [[cell.replace(",", "") for cell in row] for row in rows]:
        workload = Workload(targets=int(targets), every=int(every), shards=int(shards))
        assert float(seconds) == pytest.approx(workload.seconds_per_run, abs=0.06)
        assert float(connects) == pytest.approx(workload.connects_per_second, abs=0.6)
        assert float(dollars) == pytest.approx(total(bill(workload)), abs=0.01)


def test_bill_with_dashboards_and_secrets() -> None:
    """Three dashboards are free, secrets are billed per unit."""
    assert _line(Workload(dashboards=3), "Dashboards").dollars == 0
    assert _line(Workload(dashboards=4), "Dashboards").dollars == pytest.approx(3.0)
    assert _line(Workload(secrets=3), "Secrets").dollars == pytest.approx(1.2)
    assert _line(Workload(), "Secrets").dollars == 0


def test_alarms_are_billed_by_metrics() -> None:
    """An alarm costs as many tenths of a dollar as it has metrics; one on a query only what the query finds.

    Every alarm of the template counts, also the one on the pager.
    """
    alarms = {name: list(watched_metrics(alarm)) for name, alarm in canary().of_type(ALARM).items()}
    queries = {name for name, watched in alarms.items() if any(metric.by for metric in watched)}
    assert {name: len(alarms[name]) for name in alarms.keys() - queries} == cost.METRICS_OF_ALARMS
    assert queries == {"TargetsFailingAlarm", "UnexpectedAcceptAlarm"}
    assert {metric.name for name in queries for metric in alarms[name]} == {"ConnectFailures"}
    assert _line(Workload(), "Alarms").quantity == sum(len(alarms[name]) for name in alarms.keys() - queries)
    assert _line(Workload(targets=100), "Alarms") == _line(Workload(), "Alarms")
    assert _line(Workload(targets=100), "Alarms on queries").dollars == 0
    assert _line(Workload(targets=100, slow_connect_alarm=True), "Alarms on queries").dollars == pytest.approx(10.0)


def test_shards_are_billed_their_heartbeats() -> None:
    """A shard has a metric and an alarm; one that is the whole canary has neither."""
    one, ten = Workload(targets=1000), Workload(targets=1000, shards=10)
    assert _line(ten, "Metrics").quantity == _line(one, "Metrics").quantity + 10
    (alarm,) = (
        each["Properties"] for each in template("c", [[{"name": "a"}]])["Resources"].values() if "Alarm" in each["Type"]
    )
    assert len(list(watched_metrics(alarm))) == cost.METRICS_OF_SHARD_ALARM
    assert _line(ten, "Alarms").quantity == _line(one, "Alarms").quantity + 20


def test_ill_targets_are_billed_by_the_hour() -> None:
    """A target that fails has one metric more, and is a metric of an alarm, in the hours in which it fails."""
    ill = Workload(targets=100, ill_hours=cost.HOURS_PER_MONTH)
    assert total(bill(ill)) - total(bill(Workload(targets=100))) == pytest.approx(0.30 + 0.10)


def test_goals() -> None:
    """One target costs at most two dollars a month, a hundred with an alarm for each at most seventy-five."""
    assert total(bill(Workload())) <= 2.00
    assert total(bill(Workload(targets=100))) <= 75.00


@pytest.mark.parametrize(
    ("metrics", "dollars"),
    [(0, 0.0), (4, 1.2), (10_000, 3_000.0), (10_001, 3_000.1), (250_000, 27_000.0), (250_020, 27_001.0)],
)
def test_metrics_price_in_tiers(metrics: int, dollars: float) -> None:
    """The first ten thousand metrics cost most."""
    assert metrics_price(metrics) == pytest.approx(dollars)


def test_memory_buys_time() -> None:
    """More memory comes with more of a vCPU, up to a whole one."""
    seconds = [Workload(targets=100, memory_mb=mb).seconds_per_run for mb in (256, 512, 1769, 3538)]
    assert seconds[0] > seconds[1] > seconds[2] == seconds[3]
    assert Workload(run_seconds=2.5).seconds_per_run == 2.5


def test_log_bytes_are_what_is_printed() -> None:
    """The log bytes per target are those that a healthy target really prints."""
    outcome = outcome_of(
        endpoint="a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com:443",
        phases_ms={"dns": 1.2, "tcp": 8.0, "tls": 17.4, "upgrade": 9.1, "connack": 60.4},
        certificate_days_left=213.5,
        certificate={
            "tls_version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "subject": "*.iot.eu-west-1.amazonaws.com",
            "issuer": "Amazon RSA 2048 M01",
            "not_before": "2026-06-24T00:00:00+00:00",
            "not_after": "2027-06-24T23:59:59+00:00",
        },
        request_id="d0ae3c5e-2a1b-4d1c-8f1e-0123456789ab",
    )
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        emit_metrics("fleet", outcome, cold_start=False)
        # Loggers are cached by name, with their stream, so this one needs its own name.
        formatter = new_logger().registered_formatter
        log = Logger(service="iot-cost-canary", stream=out, logger_formatter=formatter)
        append_run_keys(log, function_request_id="d0ae3c5e-2a1b-4d1c-8f1e-0123456789ab", cold_start=False)
        log_outcome(log, outcome)
    printed = len(out.getvalue().encode()) + _EVENT_BYTES * len(out.getvalue().splitlines())
    assert printed == pytest.approx(cost.LOG_BYTES_PER_TARGET, rel=0.1)


def test_prices_have_sources() -> None:
    """Every price names its source."""
    assert all(price.source.startswith("https://aws.amazon.com/") for price in cost.PRICES.values())


def test_command_line_shows_the_bill(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the lines that cost something, and their sum."""
    assert cost.main(["--targets", "100", "--every", "60"]) == 0
    out = capsys.readouterr().out
    assert f"{total(bill(Workload(targets=100))):.2f} USD" in out
    assert "Metrics" in out
    assert "Dashboards" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--targets", "many"], "'many' is not a whole number of at least 1"),
        (["--targets", "0"], "'0' is not a whole number of at least 1"),
        (["--every", "10"], "'10' is less than 60 s"),
        (["--targets", "100000"], "use more --shards"),
        (["--shards", "2"], "1 target(s) cannot be split into 2 shards"),
        (["--run_seconds", "soon"], "'soon' is not a number of seconds"),
        (["--secrets", "-1"], "'-1' is not a whole number"),
    ],
)
def test_command_line_invalid_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Invalid arguments exit with 2 and a message."""
    with pytest.raises(SystemExit) as ended:
        cost.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
