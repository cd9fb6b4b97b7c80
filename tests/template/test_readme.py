"""README.md and docs/ say what the code and the templates do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect_canary import cli, metrics
from connect_canary.failures import Failure, Phase, hint
from connect_canary.settings import BY_KEY, SETTINGS
from tests.template.cloudformation import ROOT, canary, read
from tests.template.printed import metrics_printed
from tests.template.test_parameters import OF_SETTINGS, PARAMETERS
from tests.unit.given import outcome_of

README = (ROOT / "README.md").read_text()
WRITTEN = ("README.md", "CHANGELOG.md", "docs/decisions.md", "docs/runbook.md", "docs/scale.md")
WIDTH = 120
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Defaults that the README says in words, because only the surroundings know them.
SAID_IN_WORDS = {"name", "endpoint", "signing_region", "authorizer_name"}


def _section(heading: str) -> str:
    """Return the text below a heading, up to the next of any level."""
    _, found, after = README.partition(f"\n{heading}\n")
    assert found, heading
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def _rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table below a heading, without its head."""
    lines = [line for line in _section(heading).splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _names(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_settings_table() -> None:
    """Every setting has its row, in the code's order."""
    named = [name for row in _rows("## Settings") for name in _names(row[0])]
    assert named == [setting.variable for setting in SETTINGS]


def test_settings_defaults_and_choices() -> None:
    """Defaults are the code's, and every choice is named."""
    for names, meaning, default in _rows("## Settings"):
        for variable in _names(names):
            setting = BY_KEY[variable.removeprefix("CANARY_").lower()]
            assert set(setting.choices) <= set(_names(meaning)), variable
            if setting.key not in SAID_IN_WORDS:
                assert default == (f"`{setting.default}`" if setting.default else ""), variable


def test_parameters_table() -> None:
    """Every parameter that is no setting has its row, with the template's default."""
    named: dict[str, str] = {}
    for names, _, default in _rows("### Parameters beside the settings"):
        defaults = _names(default) or [""] * len(_names(names))
        named |= dict(zip(_names(names), defaults, strict=True))
    assert named == {name: str(PARAMETERS[name]["Default"]) for name in PARAMETERS if name not in OF_SETTINGS}


def test_modes_table() -> None:
    """Every way to authenticate has its row."""
    assert [_names(row[0])[0] for row in _rows("### Ways to authenticate")] == list(BY_KEY["auth_mode"].choices)


def test_failures_table() -> None:
    """Every failure has its row, in the code's order, with a phase that exists."""
    rows = list(_rows("### Failures"))
    assert [_names(row[1])[0] for row in rows] == list(Failure)
    assert {row[0] for row in rows} == {*Phase, "any"}


def test_failures_owners() -> None:
    """Whom the table names, the hint names too."""
    for _, failure, _, owners in _rows("### Failures"):
        who = hint(Failure(_names(failure)[0])).partition(":")[0]
        assert all(owner in who for owner in owners.split(", ")), failure


def test_metrics_table() -> None:
    """Namespace, names, and dimensions are those of what is printed."""
    named = {
        (metrics.NAMESPACE, _names(name)[0], frozenset(dimensions.split(", ")))
        for sets, name, *_ in _rows("### Metrics")
        for dimensions in _names(sets)
    }
    assert named == metrics_printed()
    assert f"`{metrics.NAMESPACE}`" in _section("### Metrics")


def test_return_value() -> None:
    """The example has the keys of the real one, in its order."""
    example = _section("## What it says").partition("```json")[2].partition("```")[0]
    keys = [key for key in re.findall(r'"([a-z_]+)":', example) if key in outcome_of().as_dict()]
    assert keys == list(outcome_of().as_dict())


def test_alarms_table() -> None:
    """Every alarm has its row, with what it makes of missing data and how many periods must be bad."""
    alarms = canary(LatencyThresholdMilliseconds="500").of_type("AWS::CloudWatch::Alarm")
    said = {_names(name)[0]: (when, missing) for name, when, missing in _rows("### Alarms")}
    assert said.keys() == alarms.keys()
    for name, alarm in alarms.items():
        when, missing = said[name]
        needed, of = alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]
        assert f"{needed} periods" in when if needed == of else f"{needed} of {of} periods" in when, name
        assert missing == {"ignore": "keeps its state", "breaching": "rings"}[alarm["TreatMissingData"]], name
    assert f"fewer than {PARAMETERS['CertificateDaysThreshold']['Default']} days" in said["CertificateAlarm"][0]


def test_exit_codes() -> None:
    """The table has every exit code of the command line, and its help too."""
    codes = [cli.HEALTHY, cli.UNHEALTHY, cli.WRONG_QUESTION, cli.BUG, cli.INTERRUPTED, cli.NOBODY_READS]
    assert [int(row[0]) for row in _rows("## Ask once, from the command line")] == codes


def test_make_targets() -> None:
    """Every target that a page names exists, and README names them all."""
    named = {
        name: set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / name).read_text(), re.MULTILINE)) for name in WRITTEN
    }
    assert all(targets <= TARGETS for targets in named.values())
    assert named["README.md"] == TARGETS - {"help"}


def test_parameters_given() -> None:
    """Parameters in commands exist in the template that they are for."""
    known = PARAMETERS.keys() | read("infra/target-alarms.yaml")["Parameters"].keys() | {"FunctionName"}
    for name in WRITTEN:
        commands = re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
        given = {key for text in commands for key in re.findall(r"(?<![-\w])([A-Z][a-z]\w+)=(?!')", text)}
        assert given <= known, name


@pytest.mark.parametrize("name", WRITTEN)
def test_links(name: str) -> None:
    """Links inside the repository lead somewhere."""
    text = (ROOT / name).read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / name).parent / link).exists(), link
    for path in re.findall(r"`((?:infra|events|docs|tests|function)/[\w./-]*)`", text):
        assert Path(ROOT / path).exists(), path


@pytest.mark.parametrize("name", WRITTEN)
def test_lines_fit(name: str) -> None:
    """Prose has at most 120 columns; a table's row cannot be broken."""
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if len(line) > WIDTH and not line.startswith("|")] == []
