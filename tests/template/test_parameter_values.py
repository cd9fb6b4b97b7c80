"""The values that each parameter allows and refuses, and its default."""

from collections.abc import Mapping
from typing import Any, Final

from connect_canary.config.settings import SETTINGS
from tests.template.cloudformation import canary, read
from tests.template.parameter_examples import CANARY

PARAMETERS: Final[Mapping[str, Any]] = read("template.yaml")["Parameters"]
CONSTRAINTS: Final = frozenset(
    {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"},
)
# Defaults of the parameters that are not settings; those of the settings are compared with the code's.
DEFAULTS: Final[Mapping[str, str]] = {
    "EveryMinutes": "1",
    "ScheduleState": "ENABLED",
    "ScheduleInput": "{}",
    "AlarmEmail": "",
    "AlarmTopicArn": "",
    "PageWebhookUrl": "",
    "RunbookUrl": "docs/runbook.md",
    "RemindEveryMinutes": "240",
    "SettleMinutes": "15",
    "LatencyThresholdMilliseconds": "",
    "CertificateDaysThreshold": "14",
    "AvailabilityObjective": "99.9",
    "DashboardEnabled": "true",
    "ReadableParameters": "",
    "ReadableSecrets": "",
    "KmsKeyArn": "",
    "PermissionsBoundaryArn": "",
    "ReservedConcurrency": "",
    "SubnetIds": "",
    "SecurityGroupIds": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "Architecture": "arm64",
    "MemorySize": "512",
    "FunctionTimeoutSeconds": "50",
    "LogRetentionDays": "14",
}
LISTS: Final = {"ReadableParameters", "ReadableSecrets", "SubnetIds", "SecurityGroupIds"}
NUMBERS: Final = {
    "EveryMinutes",
    "MemorySize",
    "FunctionTimeoutSeconds",
    "LogRetentionDays",
    "RemindEveryMinutes",
    "SettleMinutes",
}

ALLOWED: Final = [(name, value) for name, examples in CANARY.items() for value in examples.allowed]
REFUSED: Final = [(name, value) for name, examples in CANARY.items() for value in examples.refused]


def _refusal(name: str, value: str) -> str | None:
    """Return the message of the parameter's constraint that a value violates, if any."""
    sentence = PARAMETERS[name]["ConstraintDescription"]
    return sentence if sentence in canary(**{name: value}).refusals() else None


def test_examples_complete() -> None:
    """Every parameter with a constraint has examples."""
    assert {name for name, made in PARAMETERS.items() if CONSTRAINTS & made.keys()} == CANARY.keys()


def test_value_allowed() -> None:
    """A useful value is allowed."""
    assert [(name, value) for name, value in ALLOWED if _refusal(name, value) is not None] == []


def test_value_refused() -> None:
    """A value that would deploy something useless, or more than was meant, is refused with the parameter's sentence."""
    assert [(name, value) for name, value in REFUSED if _refusal(name, value) is None] == []


def test_defaults() -> None:
    """Unset parameters have the documented default."""
    settings = {"".join(word.capitalize() for word in setting.key.split("_")) for setting in SETTINGS}
    defaults = {name: str(made["Default"]) for name, made in PARAMETERS.items()}
    assert {name: value for name, value in defaults.items() if name not in settings} == DEFAULTS


def test_types() -> None:
    """Parameters are texts, but for those that CloudFormation takes as numbers or lists."""

    def kind(name: str) -> str:
        return "CommaDelimitedList" if name in LISTS else "Number" if name in NUMBERS else "String"

    assert {name: made["Type"] for name, made in PARAMETERS.items()} == {name: kind(name) for name in PARAMETERS}
