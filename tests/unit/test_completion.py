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
    path = tmp_path / "completion"
    path.write_text(_script(capsys, "bash"))
    command = ["bash", "-c", _ASK, "bash", str(path), "connect-canary", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found = set(done.stdout.split())
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
