"""The template's parameters and the code's settings are the same thing, one to one."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from connect_canary.config.settings import BY_KEY, SETTINGS, Setting
from tests.template import parameter_examples
from tests.template.cloudformation import ROOT, canary, read

TEMPLATE = read("template.yaml")
PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
VARIABLES: dict[str, Any] = TEMPLATE["Resources"]["CanaryFunction"]["Properties"]["Environment"]["Variables"]
REFERENCES = ("ssm:/iot-connect-canary/c/value", "secretsmanager:iot-connect-canary/c/secret#key")
# What a permission or an alarm is made from must be known when the stack is deployed.
KNOWN_AT_DEPLOYMENT = {"Name", "AllowedEndpoints", "SigningRegion", "ClientIdPrefix", "ClientId"}
# The proxy's variables have the names that every program knows.
PROXY = {"HttpsProxy": "HTTPS_PROXY", "NoProxy": "NO_PROXY"}
ANYTHING = parameter_examples.Examples(allowed=("one", "two"), refused=())
CONSTRAINTS = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue", "MinLength", "MaxLength"}


def _parameter_of(setting: Setting) -> str:
    return "".join(word.capitalize() for word in setting.key.split("_"))


OF_SETTINGS = {_parameter_of(setting): setting for setting in SETTINGS}


def test_variables_are_the_settings() -> None:
    """The function's variables are the settings and the proxy's, none more, none fewer."""
    assert VARIABLES.keys() == {setting.variable for setting in SETTINGS} | {"HTTPS_PROXY", "NO_PROXY"}


def _variables(**values: str) -> dict[str, Any]:
    function = canary(**values).resources["CanaryFunction"]["Properties"]
    return dict(function["Environment"]["Variables"])


def _two_values(name: str) -> Sequence[str]:
    """Return two values that the parameter allows, so that neither can be the one that is always there."""
    values = PARAMETERS[name].get("AllowedValues") or parameter_examples.CANARY.get(name, ANYTHING).allowed
    first, second, *_ = [value for value in values if value]
    return first, second


@pytest.mark.parametrize("name", [*OF_SETTINGS, *PROXY])
def test_parameter_reaches_its_variable(name: str) -> None:
    """A parameter's value becomes the value of the variable of the same name, as it is, and of no other."""
    variable = PROXY.get(name) or OF_SETTINGS[name].variable
    first, second = (_variables(**{name: value}) for value in _two_values(name))
    assert (first.pop(variable), second.pop(variable)) == _two_values(name)
    assert first == second == {key: value for key, value in _variables().items() if key != variable}


@pytest.mark.parametrize("name", OF_SETTINGS.keys() - {"ConfirmAfterSeconds"})
def test_parameter_default_is_the_settings(name: str) -> None:
    """A parameter's default is the code's."""
    assert PARAMETERS[name]["Default"] == OF_SETTINGS[name].default


@pytest.mark.parametrize("minutes", PARAMETERS["EveryMinutes"]["AllowedValues"])
def test_slow_schedules_confirm(minutes: int) -> None:
    """Where the next run is more than five minutes away, a failed connect is confirmed, unless told otherwise."""
    variable = BY_KEY["confirm_after_seconds"].variable
    assert PARAMETERS["ConfirmAfterSeconds"]["Default"] == ""
    assert _variables(EveryMinutes=str(minutes))[variable] == ("20" if minutes > 5 else "0")
    for seconds in ("0", "5"):
        assert _variables(EveryMinutes=str(minutes), ConfirmAfterSeconds=seconds)[variable] == seconds


def test_name_unset() -> None:
    """Without a name the canary is called as its stack."""
    function = canary().resources["CanaryFunction"]
    assert function["Properties"]["Environment"]["Variables"][BY_KEY["name"].variable] == "stack-name"


@pytest.mark.parametrize("name", OF_SETTINGS)
def test_parameter_choices_are_the_settings(name: str) -> None:
    """A parameter offers the setting's choices, in their order."""
    assert tuple(PARAMETERS[name].get("AllowedValues", ())) == OF_SETTINGS[name].choices


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_is_no_secret(name: str) -> None:
    """None is hidden, because none is a secret; `sam deploy --guided` would ask for a hidden one until it is set."""
    assert "NoEcho" not in PARAMETERS[name]


@pytest.mark.parametrize("name", [name for name, setting in OF_SETTINGS.items() if setting.secret])
@pytest.mark.parametrize(
    "value", ["hunter2", "base64:aGk=", "ssm:", "ssm: a", " ssm:/a", "x ssm:/a", "https://h/token"]
)
def test_secret_is_a_reference(name: str, value: str) -> None:
    """A secret's parameter takes a reference or nothing, and says what to do instead."""
    (refusal,) = canary(**{name: value}).refusals()
    assert "make secret" in refusal
    assert "reference" in refusal
    assert canary(**{name: ""}).refusals() == []


def _document(setting: Setting, value: object) -> str:
    return json.dumps(
        {"targets": [{"name": "a", setting.key: "secretsmanager:s#k"}, {"name": "b", setting.key: value}]}
    )


@pytest.mark.parametrize(
    "setting", [setting for setting in SETTINGS if setting.secret], ids=lambda setting: setting.key
)
def test_targets_document_holds_no_secret(setting: Setting) -> None:
    """A document in the parameter refers to each secret, as the parameters do."""
    for value in ("hunter2", 12, " ssm:/a", "ssm:", None, ["ssm:/a"], {"a": "ssm:/a"}):
        (refusal,) = canary(Targets=_document(setting, value)).refusals()
        assert "make secret" in refusal
    for value in ("", *REFERENCES):
        assert canary(Targets=_document(setting, value)).refusals() == []
        assert canary(Targets=_document(setting, value).replace('": ', '" \n:\t')).refusals() == []


def test_targets_document_without_secrets() -> None:
    """What holds no secret is allowed, however it is laid out."""
    text = (ROOT / "docs" / "targets.example.json").read_text()
    for document in (text, json.dumps(json.loads(text)), '{"targets": []}', "ssm:/a/", "secretsmanager:a", ""):
        assert canary(Targets=document).refusals() == []


@pytest.mark.parametrize("name", OF_SETTINGS)
@pytest.mark.parametrize("reference", REFERENCES)
def test_parameter_as_reference(name: str, reference: str) -> None:
    """Any setting may be a reference, but for choices and for what permissions and alarms are made from."""
    refused = canary(**{name: reference}).refusals()
    assert bool(refused) is (name in KNOWN_AT_DEPLOYMENT or bool(OF_SETTINGS[name].choices))


def test_parameters_explained() -> None:
    """Every parameter has a default, a sentence that describes it, and one for its constraint."""
    for name, definition in PARAMETERS.items():
        assert "Default" in definition, name
        assert re.fullmatch(r"[A-Z].+\.", definition["Description"], re.DOTALL), name
        assert ("ConstraintDescription" in definition) is bool(CONSTRAINTS & definition.keys()), name


def test_parameters_grouped() -> None:
    """Every parameter stands in one group."""
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)


def test_sections_in_order() -> None:
    """The template's sections come in the order that readers know."""
    first = [
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Rules",
        "Conditions",
    ]
    assert list(TEMPLATE) == [*first, "Resources", "Outputs"]


def test_defaults_deploy() -> None:
    """A deployment without a single parameter is allowed."""
    assert canary().refusals() == []


SIGNED = {"AuthMode": "custom-signed", "AuthorizerTokenKeyName": "Key", "AuthorizerTokenValue": "ssm:token"}


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"AuthMode": "sigv4-static"}, 2),
        ({"AuthMode": "sigv4-static", "AccessKeyId": "ssm:a", "SecretAccessKey": "ssm:s"}, 0),
        ({"AuthMode": "sigv4-static", "Targets": "ssm:/targets"}, 0),
        ({"AuthMode": "custom-signed"}, 3),
        (SIGNED, 1),
        ({**SIGNED, "AuthorizerTokenSignature": "ssm:sig"}, 0),
        ({**SIGNED, "AuthorizerSigningKey": "secretsmanager:key"}, 0),
        ({**SIGNED, "AuthorizerTokenSignature": "ssm:sig", "AuthorizerSigningKey": "secretsmanager:key"}, 1),
        ({"AuthMode": "custom-unsigned"}, 0),
        ({"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "AlarmEmail": "a@example.com"}, 1),
        ({"AlarmEmail": "a@example.com"}, 0),
        ({"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:t"}, 0),
        ({"AuthMode": "sigv4-static", "AccessKeyId": "ssm:a"}, 1),
        ({"AuthMode": "sigv4-static", "SecretAccessKey": "ssm:s"}, 1),
        ({**SIGNED, "AuthorizerTokenKeyName": "", "AuthorizerSigningKey": "secretsmanager:key"}, 1),
        ({**SIGNED, "AuthorizerTokenValue": "", "AuthorizerSigningKey": "secretsmanager:key"}, 1),
        ({"AuthMode": "custom-signed", "Targets": "ssm:/targets"}, 0),
        ({"EveryMinutes": "15", "ScheduleState": "DISABLED"}, 0),
        ({"SubnetIds": "subnet-0123456789abcdef0"}, 1),
        ({"SecurityGroupIds": "sg-0123456789abcdef0"}, 1),
        ({"SubnetIds": "subnet-01234567,subnet-12345678", "SecurityGroupIds": "sg-0123456789abcdef0"}, 0),
        # The first parameter's constraint, and the second's.
        ({"Endpoint": "https://host.example", "EveryMinutes": "7"}, 2),
    ],
)
def test_rules(values: dict[str, str], problems: int) -> None:
    """Parameters that do not fit are refused before anything is made, each problem with a sentence."""
    refusals = canary(**values).refusals()
    assert len(refusals) == problems, refusals
    assert all(sentence.endswith(".") for sentence in refusals)
