"""docs/reference.md agrees with the code and the template."""

import json
import re

from connect_canary.cli.main import BROKEN_PIPE, HEALTHY, INTERNAL_ERROR, INTERRUPTED, UNHEALTHY, USAGE_ERROR
from connect_canary.config.settings import BY_KEY, SETTINGS
from connect_canary.model.addresses import AddressResult
from connect_canary.model.failures import Evidence, Failure
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.owners import owner
from connect_canary.model.phases import Phase
from connect_canary.model.target import AuthMode
from connect_canary.reporting.metrics import NAMESPACE
from tests.template.cloudformation import canary, read
from tests.template.emitted_metrics import metric_identities
from tests.template.pages import Page, names
from tests.template.test_parameters import KNOWN_AT_DEPLOYMENT, OF_SETTINGS, PARAMETERS
from tests.unit.factories import outcome_of
from tests.unit.test_tcp_info import PASSED

PAGE = Page("docs/reference.md")
# Defaults that the page describes, because they depend on the environment.
SAID_IN_WORDS = {"allowed_endpoints", "name", "endpoint", "signing_region", "authorizer_name"}


def test_settings_table() -> None:
    """Every setting has its row, in the code's order."""
    named = [name for row in PAGE.rows("## Settings") for name in names(row[0])]
    assert named == [setting.variable for setting in SETTINGS]


def test_settings_defaults_and_choices() -> None:
    """Defaults are the code's, and every choice is named."""
    for variables, meaning, default in PAGE.rows("## Settings"):
        for variable in names(variables):
            setting = BY_KEY[variable.removeprefix("CANARY_").lower()]
            assert set(setting.choices) <= set(names(meaning)), variable
            if setting.key in SAID_IN_WORDS:
                assert (setting.default, bool(default)) == ("", True), variable
            else:
                assert default == (f"`{setting.default}`" if setting.default else ""), variable


def test_parameters_table() -> None:
    """Every parameter that is not a setting has its row, with the template's default."""
    named: dict[str, str] = {}
    for parameters, _, default in PAGE.rows("## Template parameters"):
        defaults = names(default) or [""] * len(names(parameters))
        named |= dict(zip(names(parameters), defaults, strict=True))
    assert named == {name: str(PARAMETERS[name]["Default"]) for name in PARAMETERS if name not in OF_SETTINGS}


def test_outputs() -> None:
    """Every output of the template is listed, in its order."""
    outputs = PAGE.section("## Template parameters").partition("\nOutputs: ")[2]
    assert names(outputs) == list(read("template.yaml")["Outputs"])


def test_parameters_that_are_no_references() -> None:
    """Those that must be known when the stack is deployed are listed."""
    sentence = PAGE.section("### References").partition("In the template, ")[2].partition("\n\n")[0]
    assert set(names(sentence)) == KNOWN_AT_DEPLOYMENT


def test_modes_table() -> None:
    """Every authentication mode has its row."""
    assert [names(row[0])[0] for row in PAGE.rows("### Authentication modes")] == list(BY_KEY["auth_mode"].choices)


def test_failures_table() -> None:
    """Every failure has its row, in the code's order, with a phase that exists."""
    rows = PAGE.rows("## Failures")
    assert [names(row[1])[0] for row in rows] == list(Failure)
    assert {row[0] for row in rows} == {*Phase, "any"}


def test_failures_owners() -> None:
    """The table names every owner that a failure can have without evidence from the network, and no other."""
    for _, name, _, owners in PAGE.rows("## Failures"):
        failure = Failure(names(name)[0])
        known = [Evidence(phase=None, mqtt_version=version) for version in MqttVersion]
        assert set(owners.split(", ")) == {owner(failure, mode, each) for mode in AuthMode for each in known}, failure


def test_metrics_table() -> None:
    """Namespace, names, and dimensions are those of what is printed."""
    named = {
        (NAMESPACE, names(name)[0], frozenset(dimensions.split(", ")))
        for sets, name, *_ in PAGE.rows("## Metrics")
        for dimensions in names(sets)
    }
    assert named == metric_identities()
    assert f"`{NAMESPACE}`" in PAGE.section("## Metrics")


def test_return_value() -> None:
    """The example has the keys of a real outcome, in its order, and every phase is named."""
    section = PAGE.section("## Return value and log record")
    example = section.partition("```json")[2].partition("```")[0]
    (outcome,) = json.loads(example)["targets"]
    assert list(outcome) == list(outcome_of().as_dict())
    (address,) = outcome["addresses"]
    assert list(address) == list(AddressResult(address="192.0.2.7", used=True).as_dict())
    assert list(outcome["network"]) == list(PASSED.as_dict())
    phases = section.partition("- `phase` is where")[2].partition("\n- ")[0]
    assert names(phases) == list(Phase)


def test_exit_codes() -> None:
    """The table has every exit code of the command line."""
    codes = [HEALTHY, UNHEALTHY, USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED, BROKEN_PIPE]
    assert [int(row[0]) for row in PAGE.rows("### Exit codes")] == codes


def test_alarms_are_named_as_they_are() -> None:
    """An alarm that a page names exists."""
    alarms = canary(LatencyThresholdMilliseconds="500").of_type("AWS::CloudWatch::Alarm").keys()
    for page in (PAGE, Page("docs/operations.md"), Page("README.md"), Page("docs/development.md")):
        named = {name for name in names(page.text) if re.fullmatch(r"[A-Z]\w+(?<!To)Alarm", name)}
        assert named <= alarms, page.name
