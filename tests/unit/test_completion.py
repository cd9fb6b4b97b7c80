"""Shell completion: what a real shell offers with the script that the command line prints."""

import shutil
import subprocess
from pathlib import Path

import pytest

from connect_canary.cli.arguments import parse_arguments
from connect_canary.cli.completion import SHELLS
from connect_canary.model.target import AuthMode

_ASK = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_connect_canary; echo "${COMPREPLY[@]}"'


def _script(capsys: pytest.CaptureFixture[str], shell: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--print_completion", shell])
    assert ended.value.code == 0
    return capsys.readouterr().out


def _offered(folder: Path, script: str, words: list[str]) -> set[str]:
    """Return what bash offers in a folder that holds the script as its only file, `completion`."""
    (folder / "completion").write_text(script)
    command = ["bash", "-c", _ASK, "bash", "./completion", "connect-canary", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("words", [["connect", "--ca_file", "c"], ["report", "--html", "c"], ["report", "c"]])
def test_bash_offers_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Where a file is named."""
    assert _offered(tmp_path, _script(capsys, "bash"), words) == {"completion"}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["c"], {"connect", "check"}),
        (["--v"], {"--version"}),
        (["--print-completion", ""], set(SHELLS)),
        (["connect", "--auth"], {"--auth_mode", *(f"--authorizer_{name}" for name in ("name", "placement"))}),
        (["check", "--auth_mode", ""], set(AuthMode)),
        (["report", "--log"], {"--log-group"}),
    ],
)
def test_bash_offers_what_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], offered: set[str]
) -> None:
    """Commands, flags and the values of closed sets."""
    found = _offered(tmp_path, _script(capsys, "bash"), words)
    assert found >= offered
    assert {word for word in found if not word.startswith(words[-1])} == set()


def test_script_of_zsh_is_for_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It defines the completion of connect-canary; where there is a zsh, that reads it."""
    script = _script(capsys, "zsh")
    assert script.startswith("#compdef connect-canary\n")
    assert all(mode in script for mode in AuthMode)
    zsh = shutil.which("zsh")
    if zsh is not None:
        path = tmp_path / "completion"
        path.write_text(script)
        subprocess.run([zsh, "-n", path], check=True, timeout=60)
