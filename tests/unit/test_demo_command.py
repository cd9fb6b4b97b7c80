"""The command behind `make run`: its arguments, its signals and its exit code, with a demo that a test plays."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo import run

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """The handlers of this process, as they were."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class PlayedDemo:
    """A demo that does what a test wants."""

    given: dict[str, Any]
    does: Callable[[PlayedDemo], int]

    def __init__(self, **given: Any) -> None:
        type(self).given = given
        self.scheduled = 0
        self.exit_code = 0
        self.stopped = given["stopped"]

    def run(self) -> int:
        """Do it."""
        return type(self).does(self)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[PlayedDemo], int]], None]:
    """Let the command run a demo that does this."""

    def play(does: Callable[[PlayedDemo], int]) -> None:
        monkeypatch.setattr("infra.local.demo.demo.Demo", PlayedDemo)
        monkeypatch.setattr(PlayedDemo, "does", staticmethod(does), raising=False)

    return play


Plays = Callable[[Callable[[PlayedDemo], int]], None]


@pytest.fixture
def template(tmp_path: Path) -> str:
    """A template that exists."""
    path = tmp_path / "template.yaml"
    path.touch()
    return str(path)


@pytest.mark.parametrize("code", [0, 1])
def test_exit_code_is_the_demos(plays: Plays, template: str, code: int) -> None:
    """Without a signal the demo's exit code is the command's."""
    plays(lambda _: code)
    assert run.main(["--template", template]) == code


@pytest.mark.parametrize(
    ("arguments", "runs", "speed"),
    [
        ([], None, 1.0),
        (["--runs", "1"], 1, 1.0),
        (["--runs", "12", "--speed", "1"], 12, 1.0),
        (["--speed", "12"], None, 12.0),
        (["--speed", "2.5"], None, 2.5),
    ],
)
def test_arguments(plays: Plays, template: str, arguments: list[str], runs: int | None, speed: float) -> None:
    """The demo gets template, number of runs and speed, and is told to stop by nobody yet."""
    plays(lambda demo: int(demo.stopped()))
    assert run.main([*arguments, "--template", template]) == 0
    given = dict(PlayedDemo.given)
    del given["stopped"]
    assert given == {"template": Path(template), "runs": runs, "speed": speed}


def test_template_by_default(plays: Plays) -> None:
    """It is the one that make builds."""
    assert run.LOCAL_TEMPLATE.parts[-3:] == (".aws-sam", "local", "template.yaml")
    plays(lambda _: 0)
    assert run.main([]) == 0
    assert PlayedDemo.given["template"] == run.LOCAL_TEMPLATE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "0"], "argument --runs: '0' is not a whole number of at least 1"),
        (["--runs", "-1"], "'-1' is not a whole number of at least 1"),
        (["--runs", "1.5"], "'1.5' is not a whole number of at least 1"),
        (["--speed", "0.9"], "argument --speed: '0.9' is not a number from 1 to 12"),
        (["--speed", "12.1"], "'12.1' is not a number from 1 to 12"),
        (["--speed", "fast"], "'fast' is not a number from 1 to 12"),
        (["--template", "nowhere.yaml"], "there is no template at nowhere.yaml; `make run` makes it"),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """A wrong argument ends the command with 2 and a sentence."""
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_before_a_run(
    plays: Plays, template: str, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    """A signal ends the demo, is the exit code, and says that everything is removed; another one changes nothing."""
    stopped = []

    def interrupted(demo: PlayedDemo) -> int:
        try:
            os.kill(os.getpid(), number)
        finally:
            stopped.append(demo.stopped())
            for each in SIGNALS:
                os.kill(os.getpid(), each)
        return 0

    plays(interrupted)
    assert run.main(["--template", template]) == code
    assert stopped == [True]
    assert capsys.readouterr().out == "\nStopped; everything is removed.\n"


@pytest.mark.parametrize(
    ("number", "seen", "expected"),
    [(signal.SIGINT, 0, 0), (signal.SIGINT, 1, 1), (signal.SIGTERM, 0, 143), (signal.SIGTERM, 1, 143)],
)
def test_signal_after_a_run(plays: Plays, template: str, number: signal.Signals, seen: int, expected: int) -> None:
    """Once a scheduled run was seen, Ctrl-C is the usual end, and what was seen counts."""

    def interrupted(demo: PlayedDemo) -> int:
        demo.scheduled, demo.exit_code = 1, seen
        os.kill(os.getpid(), number)
        return 0

    plays(interrupted)
    assert run.main(["--template", template]) == expected


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help says what each argument does."""
    with pytest.raises(SystemExit) as ended:
        run.main(["--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "usage: make run [-h] [--runs N] [--speed X] [--template TEMPLATE]" in said
    for sentence in ("end after N scheduled runs", "(1 to 12; default 1)", "built template to deploy"):
        assert sentence in said
    assert str(run.__doc__).split(".", maxsplit=1)[0][:40] in said
