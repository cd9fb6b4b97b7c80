"""`connect-canary report`: what it reads, what it refuses, and where the page goes."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from connect_canary.cli.main import main
from connect_canary.cli.report_input import read_runs
from connect_canary.config.problems import SettingsError
from connect_canary.model.failures import Failure
from tests.unit.factories import outcome_of
from tests.unit.handler_process import closed_port

FAILED: dict[str, Any] = {"healthy": False, "failure": Failure.TCP_REFUSED, "reason": "connection refused"}


def run_of(*facts: dict[str, Any], canary: str = "fleet") -> dict[str, Any]:
    """Return the return value of a run with these outcomes."""
    targets = [outcome_of(**each).as_dict() for each in facts]
    return {"canary": canary, "healthy": all(each["healthy"] for each in targets), "targets": targets}


def _feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize("repeat", [[], ["--repeat", "3", "--interval", "0"]], ids=["one run", "three runs"])
def test_report_of_what_connect_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repeat: list[str]
) -> None:
    """The output of `connect --json`, indented or a line a run, goes through a pipe as it is."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with closed_port() as endpoint:
        assert main(["connect", "--endpoint", endpoint, "--auth_mode", "custom-unsigned", "--json", *repeat]) == 1
    _feed(monkeypatch, capsys.readouterr().out)
    assert main(["report"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert "TcpRefused in phase tcp" in page
    assert ("run 3" in page) is bool(repeat)
    assert endpoint in page


def test_report_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is written to the file that --html names, and a line says what it holds."""
    results, page = tmp_path / "results.jsonl", tmp_path / "page.html"
    results.write_text("\n".join(json.dumps(run_of({}, {**FAILED, "target": "b"})) for _ in range(5)))
    assert main(["report", str(results), "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}: 10 attempts, 2 targets\n"
    assert "IoT connect canary fleet" in page.read_text()
    assert "50.00%" in page.read_text()


def test_page_needs_no_encoding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a server says in any script can be written to a terminal that knows ASCII only."""
    _feed(monkeypatch, json.dumps(run_of({**FAILED, "reason": "refus\u00e9 \U0001f600"})))
    assert main(["report"]) == 0
    page = capsys.readouterr().out
    assert page.isascii()
    assert "refus&#233; &#128512;" in page


def test_report_is_written_whatever_it_shows(tmp_path: Path) -> None:
    """Unhealthy targets are its subject, not its failure."""
    results = tmp_path / "results.json"
    results.write_text(json.dumps(run_of(FAILED)))
    assert main(["report", str(results), "--html", str(tmp_path / "page.html")]) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "standard input holds no result; allowed: what connect --json prints"),
        ('{"targets": []}', "standard input holds no result; allowed: what connect --json prints"),
        ("healthy", "standard input, line 1: this is no JSON; allowed: what connect --json prints"),
        ('{"targets": []}\n\n{"tar', "standard input, line 3: this is no JSON; allowed: what connect --json prints"),
        ("[1]", "standard input, line 1: this is no run; allowed: what connect --json prints"),
        ('{"a": 1}', "standard input, line 1: this has no list 'targets'; allowed: what connect --json prints"),
        (
            '{"targets": [{"target": 1}]}',
            "standard input, line 1: this has no 'target' with 'healthy' (true or false); "  # noqa: ISC004
            "allowed: what connect --json prints",
        ),
        (
            '{"dry_run": true, "targets": []}',
            "standard input, line 1: this is a dry run, which connects to nothing; allowed: what connect --json prints",
        ),
        ("\ud800", "standard input holds no text in UTF-8"),
        ("[" * 100_000, "standard input, line 1: this is no JSON; allowed: what connect --json prints"),
    ],
)
def test_wrong_input_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    """It says where, what, and what is allowed, with exit code 2."""
    stream = io.TextIOWrapper(io.BytesIO(text.encode(errors="surrogatepass")))
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["report"]) == 2
    assert capsys.readouterr() == ("", f"connect-canary: {sentence}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.json"], "the file 'nowhere.json' cannot be read: No such file or directory"),
        (["a", "--log-group", "b"], "the results are either from a file or from --log-group, not from both"),
        (["a", "--hours", "2"], "--hours is about the log; it needs --log-group"),
        (["a", "--region", "eu-west-1"], "--region is about the log; it needs --log-group"),
        (["--log-group", "a", "--hours", "0"], "--hours is '0'; allowed: a number up to 744"),
        (["--log-group", "a", "--hours", "745"], "--hours is '745'; allowed: a number up to 744"),
        (["--log-group", "a", "--hours", "nan"], "--hours is 'nan'; allowed: a number up to 744"),
        (["--log-group", ""], "--log-group names nothing"),
        (["a", "--html", ""], "--html names nothing"),
        (["a", "--endpoint", "h"], "--endpoint is not a flag of report; it is one of connect"),
        (
            ["a", "b"],
            "a value belongs to no flag; each follows its own, in quotes when it holds spaces",
        ),
    ],
)
def test_wrong_flags_get_a_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    """What cannot be meant is said, with exit code 2."""
    assert main(["report", *arguments]) == 2
    assert f"connect-canary: {sentence}\n" in capsys.readouterr().err


def test_terminal_is_asked_where_the_results_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody types results, so a terminal as standard input is a mistake and not something to wait for."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(["report"]) == 2
    assert "say where the results are: a file, --log-group NAME, or connect --json | report" in capsys.readouterr().err


def test_page_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names file and reason."""
    _feed(monkeypatch, json.dumps(run_of({})))
    assert main(["report", "--html", str(tmp_path / "missing" / "page.html")]) == 2
    assert "which cannot be written: No such file or directory" in capsys.readouterr().err


def test_profile_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A profile that the AWS configuration lacks is a wrong flag."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["report", "--log-group", "a", "--region", "eu-west-1", "--profile", "nobody"]) == 2
    assert "--profile is 'nobody', which the AWS configuration does not have" in capsys.readouterr().err


def test_log_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without credentials the canary's question is right and the system does not let it go on: exit code 3."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert main(["report", "--log-group", "a", "--region", "eu-west-1"]) == 3
    assert "connect-canary: the log cannot be read: Unable to locate credentials" in capsys.readouterr().err


def test_large_input_is_read_once() -> None:
    """Ten thousand runs are read in one pass, each in its order."""
    text = "\n".join(json.dumps(run_of({"target": f"t{number}"})) for number in range(10_000))
    assert [run[0].target for run in read_runs(text, "a file").runs] == [f"t{number}" for number in range(10_000)]


def test_error_names_the_line_of_an_indented_run() -> None:
    """Lines are counted through runs that take many."""
    text = json.dumps(run_of({}), indent=2)
    with pytest.raises(SettingsError, match=f"a file, line {text.count(chr(10)) + 2}: this has no list"):
        read_runs(f"{text}\n{{}}", "a file")
