"""The command line's help, its pauses between runs, and how it ends."""

import io
import json
import os
from collections.abc import Callable

import pytest

from connect_canary.cli.main import main
from connect_canary.cli.reporter import REPORTERS, OutputFormat, ReportOptions
from connect_canary.config.settings import SETTINGS, Group, Setting
from tests.unit.factories import outcome_of, plan_of
from tests.unit.handler_process import closed_port

COMMON = (
    "--profile NAME AWS profile to take credentials from, SSO included",
    "--region REGION AWS region of this run, instead of AWS_REGION",
    "-v, --verbose show all that is known, of healthy targets too",
    "--only NAME [NAME ...] only the targets of these names",
    "--json print what the Lambda returns, as JSON, instead",
)
REPEATING = (
    "--repeat N run N times, then show a summary",
    "--interval SECONDS from the start of one run to that of the next (default: 1)",
)


def _row(setting: Setting) -> str:
    """Return what the help says of a setting: flag, placeholder, meaning, allowed values, default."""
    choices = f": {', '.join(setting.choices)}" if setting.choices else ""
    default = f" (default: {setting.default})" if setting.default else ""
    placeholder = "SECRET" if setting.secret else setting.metavar
    return f"--{setting.key} {placeholder} {setting.help}{choices}{default}"


def _words(text: str) -> str:
    """Return text on one line, as argparse has not wrapped it."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("command", "summary", "flags"),
    [
        ("connect", "Connect to every target, once, and show what happened", (*COMMON, *REPEATING)),
        ("check", "Read and check every setting, references too, and connect to nothing", COMMON),
    ],
)
def test_help_lists_every_flag(
    capsys: pytest.CaptureFixture[str], command: str, summary: str, flags: tuple[str, ...]
) -> None:
    """Its value, its allowed values and its default; first the command's own, then the settings by group."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = _words(capsys.readouterr().out)
    groups = [(f"{group}:", *(_row(setting) for setting in SETTINGS if setting.group is group)) for group in Group]
    settings = " ".join(" ".join(rows) for rows in groups)
    assert f"show this help message and exit {' '.join(flags)} {settings} secrets: " in shown
    assert f"{command} [HOST] [FLAGS] {summary}. Every setting is a flag; one that is not given is taken from " in shown


def test_overview_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Each has one line, which begins in lower case."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = _words(capsys.readouterr().out)
    assert "commands: COMMAND connect connect to every target, once, and show what happened check read and" in shown


def _pauses(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[float]:
    """Return how long the command line pauses between the runs of a target that refuses TCP."""
    pauses: list[float] = []
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("time.sleep", pauses.append)
    with closed_port() as endpoint:
        code = main(["connect", "--endpoint", endpoint, "--auth_mode", "custom-unsigned", "--json", *arguments])
    assert code == 1
    return pauses


@pytest.mark.parametrize(
    ("arguments", "is_right"),
    [
        (("--interval", "0"), lambda pause: pause == 0),
        (("--interval", "0", "--client_id", "fixed"), lambda pause: pause == 1),
        (("--interval", "80000"), lambda pause: 79900 < pause < 80000),
        (("--interval", "80000", "--client_id", "fixed"), lambda pause: 79900 < pause < 80000),
    ],
    ids=["none", "fixed client id", "interval", "interval and fixed client id"],
)
def test_pause_between_runs(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], is_right: Callable[[float], bool]
) -> None:
    """What is left of the interval; AWS IoT takes one CONNECT a second from the same client id."""
    pauses = _pauses(monkeypatch, *arguments, "--repeat", "3")
    assert len(pauses) == 2
    assert all(map(is_right, pauses))


def test_single_run_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a single repetition."""
    assert _pauses(monkeypatch) == _pauses(monkeypatch, "--repeat", "1") == []


def test_interrupt_before_anything_was_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while a secret is read ends with 130, and says so beside the output."""

    class Interrupted(io.BytesIO):
        def read(self, _size: int | None = None, /) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupted()))
    assert main(["check", "--secret_access_key", "-"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_closed_standard_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can be shown there; the exit code is that of a wrong question."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", None)
        assert main(["check", "--endpoint", "h"]) == 2
    assert capsys.readouterr().err == (
        "connect-canary: standard output is closed; allowed: a terminal, a file or a pipe\n"
    )


def test_bug_of_the_canary_is_not_an_unhealthy_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code is another one, and its traceback is shown."""
    monkeypatch.setattr("connect_canary.run.plan_run", lambda *_, **__: 1 // 0)
    assert main(["check", "--endpoint", "h"]) == 3
    assert capsys.readouterr().err.endswith("ZeroDivisionError: integer division or modulo by zero\n")


@pytest.mark.parametrize(
    ("path", "program"),
    [("/usr/bin/connect-canary", "connect-canary"), ("/x/connect_canary/__main__.py", "python -m connect_canary")],
)
def test_usage_names_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, program: str
) -> None:
    """The command, or the module."""
    monkeypatch.setattr("sys.argv", [path])
    assert main() == 2
    assert capsys.readouterr().err.startswith(f"usage: {program} [-h] [--version] [--print-completion SHELL]")


def test_json_of_a_run_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads a pipe need not wait for the next run, nor for the end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        os.set_blocking(reading, False)
        monkeypatch.setattr("sys.stdout", stream)
        REPORTERS[OutputFormat.JSON](ReportOptions(runs=2)).on_run_done(plan_of(), [outcome_of()])
        assert (reader.read() or b"").endswith(b"}\n")


def test_json_of_one_run_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """It is indented by two; of many runs each is a line."""
    plan = plan_of()
    for runs in (None, 2):
        reporter = REPORTERS[OutputFormat.JSON](ReportOptions(runs=runs))
        reporter.on_run_start(1, plan)
        reporter.on_target_done(outcome_of())
        reporter.on_run_done(plan, [outcome_of()])
        reporter.on_finish()
    response = {"canary": "iot-connect-canary", "healthy": True, "targets": [outcome_of().as_dict()]}
    assert capsys.readouterr().out == f"{json.dumps(response, indent=2)}\n{json.dumps(response)}\n"
