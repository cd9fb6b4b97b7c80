"""The table of what can be broken: every alarm has something that lets it ring, and every break is described."""

import json
from pathlib import Path

import pytest

from infra.local.client.process import REPOSITORY, LocalAwsError
from infra.local.demo import break_command
from infra.local.demo.breaks import BREAKS
from infra.local.demo.running import Broken, announced, find, read_operator
from tests.template.cloudformation import read

# A number that the demo does not set.
OFF_BY_DEFAULT = {"SlowConnectAlarm"}


def test_every_alarm_is_drilled() -> None:
    """Each alarm of the template that is on by default is what some break must let ring."""
    resources = read("template.yaml")["Resources"]
    alarms = {name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert {each.alarm for each in BREAKS.values()} == alarms - OFF_BY_DEFAULT


def test_documentation_has_every_break() -> None:
    """The page on development lists them for people, the page on operations has the transcript of each."""
    development, operations = ((REPOSITORY / "docs" / name).read_text() for name in ("development.md", "operations.md"))
    for name, each in BREAKS.items():
        assert f"`{name}`" in development
        assert f"| `{name}` | {each.what} | `{each.alarm}` |" in operations
        assert f"`make break WHAT={name}`:" in operations


def test_list_of_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name, what can be broken is listed in lines that fit; no demo is needed."""
    assert break_command.main(["break"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[4:-2]] == list(BREAKS)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("action", ["break", "mend"])
def test_unknown_break(capsys: pytest.CaptureFixture[str], action: str) -> None:
    """A name that is not in the table is a sentence with those that are, and exit code 2."""
    assert break_command.main([action, "network"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said == f"There is no 'network' to break; there is: {', '.join(BREAKS)}."


def test_demo_that_does_not_run(tmp_path: Path) -> None:
    """Nothing to be found is a sentence; what a killed demo left behind is not found."""
    with pytest.raises(LocalAwsError, match="No demo is running in this clone"):
        find(tmp_path / "nothing")
    (tmp_path / "123").write_text(str(tmp_path / "gone" / "operator.sh"))
    with pytest.raises(LocalAwsError, match="No demo is running in this clone"):
        find(tmp_path)


def test_demo_that_runs_is_found(tmp_path: Path) -> None:
    """While it runs its operator file is found; of two, one must be named."""
    operator, other = tmp_path / "operator.sh", tmp_path / "other.sh"
    operator.touch()
    other.touch()
    running = tmp_path / "build" / "running"
    with announced(operator, running):
        assert find(running) == operator
        (running / "1").write_text(str(other))
        with pytest.raises(LocalAwsError, match=f"2 demos .* OPERATOR={other}"):
            find(running)
        (running / "1").unlink()
    assert list(running.iterdir()) == []


def test_variables_of_the_operator_file(tmp_path: Path) -> None:
    """They are read as a shell reads them."""
    path = tmp_path / "operator.sh"
    path.write_text("unset AWS_PROFILE\nexport A=plain\nexport B='with space = and '\"'\"'quote'\n")
    assert read_operator(path) == {"A": "plain", "B": "with space = and 'quote"}


def test_what_is_broken_is_kept(tmp_path: Path) -> None:
    """In a file that only this user can read, in the order in which it was broken."""
    broken = Broken(tmp_path)
    assert broken.read() == {}
    broken.write({"schedule": {}, "permission": {"policy": "{}"}})
    assert list(broken.read().items()) == [("schedule", {}), ("permission", {"policy": "{}"})]
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]
    assert json.loads((tmp_path / "broken.json").read_text())["schedule"] == {}
