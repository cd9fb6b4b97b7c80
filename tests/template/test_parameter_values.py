"""The values that each parameter allows and refuses, and its default."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from connect_canary.config.settings import SETTINGS
from tests.template import parameter_examples
from tests.template.cloudformation import ResolvedTemplate, read
from tests.template.parameter_examples import Examples

TEMPLATES: Final[Mapping[str, Mapping[str, Examples]]] = {
    "template.yaml": parameter_examples.CANARY,
    "infra/target-alarms.yaml": parameter_examples.TARGET_ALARMS,
}
CONSTRAINTS: Final = frozenset(
    {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"},
)
# Defaults of the parameters that are not settings; those of the settings are compared with the code's.
OF_ALARMS: Final = {
    "SchedulePeriodSeconds": "60",
    "AlarmEvaluationPeriods": "5",
    "AlarmDatapointsToAlarm": "3",
    "LatencyThresholdMilliseconds": "",
    "AlarmTopicArn": "",
}
DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "template.yaml": {
        **OF_ALARMS,
        "CertificateDaysThreshold": "14",
        "Schedule": "rate(1 minute)",
        "ScheduleState": "ENABLED",
        "ScheduleInput": "{}",
        "AlarmEmail": "",
        "DashboardEnabled": "true",
        "ReadableParameters": "",
        "ReadableSecrets": "",
        "KmsKeyArn": "",
        "SubnetIds": "",
        "SecurityGroupIds": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Architecture": "arm64",
        "MemorySize": "512",
        "FunctionTimeoutSeconds": "30",
        "LogRetentionDays": "14",
    },
    "infra/target-alarms.yaml": {
        **OF_ALARMS,
        "Canary": "iot-connect-canary",
        "AlarmTargets": "default",
    },
}
LISTS: Final = {"ReadableParameters", "ReadableSecrets", "SubnetIds", "SecurityGroupIds", "AlarmTargets"}
NUMBERS: Final = {
    *("SchedulePeriodSeconds", "AlarmEvaluationPeriods", "AlarmDatapointsToAlarm"),
    *("MemorySize", "FunctionTimeoutSeconds", "LogRetentionDays"),
}

ALLOWED: Final = [(path, name, v) for path, table in TEMPLATES.items() for name, e in table.items() for v in e.allowed]
REFUSED: Final = [(path, name, v) for path, table in TEMPLATES.items() for name, e in table.items() for v in e.refused]


def _refusal(path: str, name: str, value: str) -> str | None:
    """Return the message of the parameter's constraint that a value violates, if any."""
    template = read(path)
    sentence = template["Parameters"][name]["ConstraintDescription"]
    return sentence if sentence in ResolvedTemplate(template=template, values={name: value}).refusals() else None


@pytest.mark.parametrize("path", TEMPLATES)
def test_examples_complete(path: str) -> None:
    """Every parameter with a constraint has examples."""
    constrained = {name for name, made in read(path)["Parameters"].items() if CONSTRAINTS & made.keys()}
    assert constrained == TEMPLATES[path].keys()


@pytest.mark.parametrize(("path", "name", "value"), ALLOWED)
def test_value_allowed(path: str, name: str, value: str) -> None:
    """A useful value is allowed."""
    assert _refusal(path, name, value) is None


@pytest.mark.parametrize(("path", "name", "value"), REFUSED)
def test_value_refused(path: str, name: str, value: str) -> None:
    """A value that would deploy something useless, or more than was meant, is refused with the parameter's sentence."""
    assert _refusal(path, name, value) is not None


@pytest.mark.parametrize("path", TEMPLATES)
def test_defaults(path: str) -> None:
    """Unset parameters have the documented default."""
    settings = {"".join(word.capitalize() for word in setting.key.split("_")) for setting in SETTINGS}
    defaults = {name: str(made["Default"]) for name, made in read(path)["Parameters"].items()}
    assert {name: value for name, value in defaults.items() if name not in settings} == DEFAULTS[path]


@pytest.mark.parametrize("path", TEMPLATES)
def test_types(path: str) -> None:
    """Parameters are texts, but for those that CloudFormation takes as numbers or lists."""

    def kind(name: str) -> str:
        return "CommaDelimitedList" if name in LISTS else "Number" if name in NUMBERS else "String"

    parameters: Mapping[str, Any] = read(path)["Parameters"]
    assert {name: made["Type"] for name, made in parameters.items()} == {name: kind(name) for name in parameters}
