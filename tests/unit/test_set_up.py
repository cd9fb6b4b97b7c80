"""What `make` sets up: when, by which commands, and the sentence for every problem."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.build import set_up
from infra.build.environments import PARTS, READY, Part, Tools
from infra.build.set_up import REPOSITORY, SetUp
from infra.build.set_up_problems import explain

MAKEFILE = (REPOSITORY / "Makefile").read_text()
WITH_UV, WITHOUT_UV = Tools(uv="/bin/uv", python="/bin/python3"), Tools(uv="", python="/bin/python3")


def part(*commands: str, directory: str = "made", sources: tuple[str, ...] = ("source/**/*",)) -> Part:
    """Return a part that is set up by shell commands."""
    return Part(
        directory=directory,
        purpose="a test",
        sources=sources,
        commands=lambda _: [["sh", "-c", command] for command in commands],
    )


@pytest.mark.parametrize("name", [name for name in PARTS if name.startswith(".venv")])
def test_make_and_set_up_know_the_same_sources(name: str) -> None:
    """The Makefile rebuilds an environment for the same files for which the set-up finds it out of date."""
    rule = re.search(rf"^{re.escape(name)}/\.ready: (.+)\n\t@\$\(SET_UP\) {re.escape(name)}$", MAKEFILE, re.MULTILINE)
    assert rule is not None
    assert tuple(rule[1].split()) == PARTS[name].sources


@pytest.mark.parametrize("each", PARTS.values(), ids=list(PARTS))
def test_sources_exist(each: Part) -> None:
    """A pattern that matches nothing would never notice a change."""
    assert all(list(REPOSITORY.glob(pattern)) for pattern in each.sources)


def test_run_needs_no_sam() -> None:
    """`make run` and `make drill` set up neither AWS SAM nor anything with its command."""
    lines = re.findall(r"^(?:run|drill):.*\n\t@\$\(SET_UP\) (.*)$", MAKEFILE, re.MULTILINE)
    assert lines == [".venv .venv-local .aws-sam/local"] * 2


@pytest.mark.parametrize("each", PARTS.values(), ids=list(PARTS))
def test_tools_of_the_commands(each: Part) -> None:
    """With uv everything is installed by uv, without it by pip in an environment that has pip."""
    with_uv, without_uv = ([" ".join(c) for c in each.commands(tools)] for tools in (WITH_UV, WITHOUT_UV))
    assert not any("-m pip" in command or "-m venv" in command for command in with_uv)
    assert any("/bin/uv" in command for command in with_uv)
    assert not any("uv" in command.split() for command in without_uv)
    assert "-m venv" in without_uv[0]


def test_ready_until_a_source_changes(tmp_path: Path) -> None:
    """It is set up once, again after a change of a source, and again after an attempt that failed."""
    source = tmp_path / "source" / "deep" / "file"
    source.parent.mkdir(parents=True)
    source.touch()
    made = part("touch made/result")
    assert not made.is_ready(tmp_path)
    assert SetUp(WITH_UV, tmp_path).make(made) == ""
    assert made.is_ready(tmp_path)
    later = time.time_ns() + 10**9
    os.utime(source, ns=(later, later))
    assert not made.is_ready(tmp_path)
    assert "could not be set up: gone." in SetUp(WITH_UV, tmp_path).make(part("echo gone; exit 1"))
    assert not (tmp_path / "made" / READY).exists()


def test_link_is_left_alone(tmp_path: Path) -> None:
    """What a link leads to belongs to somebody else."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").touch()
    (tmp_path / "made").symlink_to("theirs")
    assert SetUp(WITH_UV, tmp_path).make(part("true")).startswith("made is a link")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["file"]


def test_failure_keeps_the_output(tmp_path: Path) -> None:
    """The first command that fails ends it, with its last line as the sentence and all of it in a file."""
    said = SetUp(WITH_UV, tmp_path).make(part("echo first; echo 'it broke' >&2; exit 3", "touch made/never"))
    log = tmp_path / ".aws-sam" / "made.log"
    assert said == f"made could not be set up: it broke. ({log})"
    assert log.read_text() == "first\nit broke\n"
    assert not (tmp_path / "made" / "never").exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("/usr/bin/python3: No module named venv", "cannot make a virtual environment"),
        ("The virtual environment was not created successfully because ensurepip is not available.", "python3-venv"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError('...')'\nERROR: No matching",
            "package index",
        ),
        ("error: Failed to fetch: `https://a.example/x`\n  Caused by: dns error", "package index cannot be reached"),
        ("error: Request failed after 3 retries\n  Caused by: error sending request", "HTTPS_PROXY"),
        ("OSError: [Errno 28] No space left on device", "no space is left"),
        ("ERROR: something else\n\n", "ERROR: something else."),
        ("error: no version\nhint: look there", "error: no version."),
        ("it broke\nmake[1]: *** [Makefile:21: build-X] Error 2", "it broke."),
        ("", "ended without a word"),
    ],
)
def test_sentence_for_a_failure(output: str, sentence: str) -> None:
    """What pip, uv and venv say becomes one sentence on one line."""
    said = explain(output, "/bin/python3")
    assert sentence in said
    assert "\n" not in said
    assert said.endswith(".")


def test_stop_ends_what_runs(tmp_path: Path) -> None:
    """Ctrl-C ends a command with its children, and nothing counts as set up."""
    run = SetUp(WITH_UV, tmp_path)
    slow = part("touch ../started made/began; sleep 60 & wait")
    thread = threading.Thread(target=run.make, args=(slow,))
    thread.start()
    while not (tmp_path / "made" / "began").exists():
        time.sleep(0.01)
    run.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert not (tmp_path / "made" / READY).exists()


def test_interrupted_command_says_one_sentence(tmp_path: Path) -> None:
    """The process of the set-up ends with 130 and one sentence, without a traceback."""
    code = (
        "import sys; from pathlib import Path; from infra.build import set_up; "
        "from infra.build.environments import Part, Tools; "
        "slow = Part(directory='made', purpose='a test', sources=('x',), "
        "commands=lambda _: [['sh', '-c', 'touch made/began; sleep 60']]); "
        "sys.exit(set_up._make_all(set_up.SetUp(Tools(uv=''), Path(sys.argv[1])), [slow]))"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "made" / "began").exists():
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert said.strip().splitlines() == [
        "Stopped while setting up; the same command begins again with what is missing."
    ]


def test_nothing_to_set_up_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is up to date is not mentioned."""
    monkeypatch.setattr(Part, "is_ready", lambda *_: True)
    assert set_up.main(list(PARTS)) == 0
    assert capsys.readouterr().out == ""
