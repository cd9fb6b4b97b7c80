"""`connect-canary report --log-group`: a deployed canary's log, read by boto3 over a real socket."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connect_canary.cli.main import main
from connect_canary.model.failures import Failure
from tests.unit.fake_aws import FakeAws, Request, Response, serving
from tests.unit.fake_log import FakeLog, log_line

GROUP = "/aws/lambda/fleet"
_HOUR_S = 3600
_EVERY_S, _PAST_S = 300, 120


class _Logs(FakeAws):
    """An account with one log group, of a canary that ran every five minutes for the last ten hours."""

    log = FakeLog(events=[])
    error = ""

    def respond(self, operation: str, body: Mapping[str, Any], region: str) -> Response:
        """Return a page of the log."""
        self.requests.append(Request(operation=operation, body=body, region=region))
        if self.error:
            return 400, {"__type": self.error, "message": "no"}
        return 200, self.log.filter_log_events(**body)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Logs]:
    """CloudWatch Logs, which this process's boto3 asks."""
    account = _Logs()
    newest = (time.time() // _EVERY_S - 1) * _EVERY_S + _PAST_S
    moments = [newest - age for age in range(10 * _HOUR_S, -1, -_EVERY_S)]
    account.log = FakeLog(events=[(int(at * 1000), log_line(target="prod")) for at in moments], page_size=50)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with serving(account):
        settings = {
            "AWS_ENDPOINT_URL": account.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield account


def _report(page: Path, *arguments: str) -> int:
    return main(["report", "--log-group", GROUP, "--html", str(page), *arguments])


@pytest.mark.parametrize(("hours", "runs"), [("2", 24), ("0.5", 6)])
def test_report_of_the_last_hours(
    logs: _Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str], hours: str, runs: int
) -> None:
    """Every attempt since then in a cell of its own, under the log's name and time."""
    page = tmp_path / "page.html"
    before = time.time()
    assert _report(page, "--region", "eu-west-1", "--hours", hours) == 0
    after = time.time()
    attempts = int(capsys.readouterr().out.removeprefix(f"{page}: ").split()[0])
    assert runs - 1 <= attempts <= runs
    assert {(request.body["logGroupName"], request.region) for request in logs.requests} == {(GROUP, "eu-west-1")}
    begin_ms = min(request.body["startTime"] for request in logs.requests)
    end_ms = max(request.body["endTime"] for request in logs.requests) + 1
    assert before * 1000 - 1 <= end_ms <= after * 1000
    assert end_ms - begin_ms == float(hours) * _HOUR_S * 1000
    text = page.read_text()
    assert f"IoT connect canary: {GROUP}" in text
    assert f"from {datetime.fromtimestamp(begin_ms / 1000, UTC):%Y-%m-%d %H:%M} to " in text
    ends = {f"to {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC" for moment in (before, after)}
    assert any(end in text for end in ends)


def test_cell_is_the_time_between_two_runs(logs: _Logs, tmp_path: Path) -> None:
    """Which the log shows: a run at two minutes past stands in the cell of its five minutes."""
    page = tmp_path / "page.html"
    newest_ms, _ = logs.log.events[-1]
    failed = log_line(target="prod", healthy=False, failure=Failure.TCP_REFUSED)
    logs.log.events = [*logs.log.events[:-1], (newest_ms, failed)]
    assert _report(page, "--region", "eu-west-1", "--hours", "2") == 0
    begins = datetime.fromtimestamp(newest_ms // 1000 - _PAST_S, UTC)
    assert f"prod, {begins:%H:%M}: TcpRefused" in page.read_text()


def test_region_of_the_environment(
    logs: _Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no flag names another one; without any it is asked for."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert _report(tmp_path / "page.html") == 0
    assert {request.region for request in logs.requests} == {"eu-central-1"}
    monkeypatch.delenv("AWS_REGION")
    assert _report(tmp_path / "page.html") == 3
    assert "connect-canary: the log cannot be read: You must specify a region" in capsys.readouterr().err


def test_log_that_cannot_be_read(logs: _Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is wrong is the user's to change, a right that is missing is the account's."""
    for error, code, sentence in (
        ("ResourceNotFoundException", 2, f"--log-group is '{GROUP}', which does not exist in eu-west-1"),
        ("AccessDeniedException", 3, "the log cannot be read: An error occurred (AccessDeniedException)"),
    ):
        logs.error = error
        assert _report(tmp_path / "page.html", "--region", "eu-west-1") == code
        assert f"connect-canary: {sentence}" in capsys.readouterr().err


def test_log_without_attempts(logs: _Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty page would look like a canary without targets."""
    logs.log = FakeLog(events=[])
    assert _report(tmp_path / "page.html", "--region", "eu-west-1", "--hours", "2") == 2
    assert f"the log group '{GROUP}' has no attempt in the last 2 hours" in capsys.readouterr().err
