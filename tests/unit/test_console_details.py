"""What --verbose shows beside the usual."""

import io
from collections.abc import Callable

from connect_canary.cli.console_details import more_evidence, planned_details
from connect_canary.cli.console_report import COLUMNS, ConsoleReporter
from connect_canary.model.addresses import AddressResult
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.tcp_info import TcpInfo
from connect_canary.run import plan_run
from tests.unit.factories import REGION, document, outcome_of, plan_of
from tests.unit.fake_aws import FakeAws

HIDDEN = "hidden-mark"
NETWORK = TcpInfo(
    rtt_ms=7.94, retransmits=2, unacknowledged=1, unacknowledged_bytes=0, bytes_acked=1, bytes_received=1, silent_ms=0.0
)
ADDRESSES = (
    AddressResult(address="192.0.2.7", used=True),
    AddressResult(address="192.0.2.9", used=False, failure=Failure.TCP_REFUSED),
)


def _full(*, healthy: bool = True) -> Outcome:
    return outcome_of(
        healthy=healthy,
        addresses=ADDRESSES,
        network=NETWORK,
        http_status=101,
        connack_code=0,
        error_name="AWS_ERROR_X",
        clock_skew_s=0.24,
        confirmed=False,
        elapsed_ms=96.12,
    )


def test_everything_that_is_known() -> None:
    """Zero is known too."""
    assert dict(more_evidence(_full())) == {
        "addresses": "192.0.2.7 (used); 192.0.2.9 (not used, TcpRefused)",
        "network": "round trip 7.9 ms, 2 retransmits, 1 segment unacknowledged",
        "http status": "101",
        "connack code": "0",
        "error": "AWS_ERROR_X",
        "clock skew": "0.2 s",
        "confirmed": "not by a second attempt",
        "elapsed": "96.1 ms",
    }


def test_what_is_not_known_is_not_shown() -> None:
    """Nor is twice what the report of an unhealthy target has anyway."""
    assert dict(more_evidence(outcome_of(elapsed_ms=1.0))) == {"elapsed": "1.0 ms"}
    assert "error" not in dict(more_evidence(_full(healthy=False)))


def test_references_that_were_read(aws: FakeAws) -> None:
    """By their names, in a run and in a dry run, without their values."""
    aws.parameters = {"/user": HIDDEN, "/id": "test-one", "/targets": document({"name": "a", "client_id": "ssm:/id"})}
    environ = {
        "AWS_REGION": REGION,
        "CANARY_ENDPOINT": "h.example.com",
        "CANARY_AUTH_MODE": "custom-unsigned",
        "CANARY_AUTHORIZER_USERNAME": "ssm:/user",
        "CANARY_TARGETS": "ssm:/targets",
        "HTTPS_PROXY": f"http://user:{HIDDEN}@proxy.test:3128",
    }
    plan = plan_run({}, environ)
    assert dict(planned_details(plan.planned[0])) == {
        "proxy": "proxy.test:3128",
        "targets": "read from ssm:/targets",
        "client_id": "read from ssm:/id",
        "authorizer_username": "read from ssm:/user",
    }
    for shown in (
        _shown(lambda reporter: reporter.on_plan(plan)),
        _shown(lambda r: r.on_run_done(plan, [outcome_of(target="a")])),
    ):
        assert "read from ssm:/user" in shown
        assert HIDDEN not in shown


def _shown(show: Callable[[ConsoleReporter], None], *, runs: int | None = None, verbose: bool = True) -> str:
    stream = io.StringIO()
    reporter = ConsoleReporter(stream, runs=runs, verbose=verbose)
    show(reporter)
    reporter.on_finish()
    return stream.getvalue()


def test_all_targets_in_full() -> None:
    """Of many targets the healthy ones have a line by default, and everything with --verbose; in 80 columns."""
    plan, outcomes = plan_of(), [_full(), outcome_of(target="other")]
    brief = _shown(lambda reporter: reporter.on_run_done(plan, outcomes), verbose=False)
    full = _shown(lambda reporter: reporter.on_run_done(plan, outcomes))
    assert ("addresses" in brief, "addresses" in full, full.count("elapsed")) == (False, True, 2)
    assert max(map(len, full.splitlines())) <= COLUMNS


def test_last_failure_of_many_runs_in_full() -> None:
    """The summary has it."""
    failed = outcome_of(healthy=False, failure=Failure.TCP_REFUSED, reason="refused", addresses=ADDRESSES)
    assert "addresses" in _shown(lambda reporter: reporter.on_run_done(plan_of(), [failed]), runs=2)


def test_credentials_have_a_line() -> None:
    """Where they are from, whatever else is shown."""
    assert _shown(lambda reporter: reporter.on_credentials("profile dev (sso)"), verbose=False) == (
        "credentials: profile dev (sso)\n"
    )
