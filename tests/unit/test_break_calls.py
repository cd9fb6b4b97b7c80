"""What each break does to a deployed canary and how it is mended, as the calls of AWS's APIs; AWS only answers here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from infra.local.client.process import LocalAwsError
from infra.local.client.stacks import DeployedStack
from infra.local.demo import breaks
from infra.local.demo.break_command import break_now, mend_now
from infra.local.demo.breaks import BREAKS
from infra.local.demo.running import Broken
from infra.local.demo.stage import Stage

VARIABLES = {"CANARY_ENDPOINT": "localhost:8883", "OTHER": "kept"}
TARGET = {"Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", "RoleArn": "arn:aws:iam::123456789012:role/r"}
SCHEDULE = {"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": TARGET}
POLICY = {"Version": "2012-10-17", "Statement": []}
ANSWERS: dict[str, Any] = {
    "GetRolePolicy": {"PolicyDocument": POLICY},
    "GetFunctionConfiguration": {"Handler": "h.run", "MemorySize": 512, "Environment": {"Variables": VARIABLES}},
    "GetSchedule": {**SCHEDULE, "Name": "n", "State": "ENABLED"},
}
Call = tuple[str, dict[str, Any]]


@dataclass
class PlayedAws:
    """Answers every call that the services' models allow, and keeps those that change something."""

    calls: list[Call] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """Return a client whose operations are this object's."""
        model = botocore.session.get_session().get_service_model(service)
        names = {xform_name(name): name for name in model.operation_names}

        class Client:
            def __getattr__(_, name: str) -> Any:  # noqa: N805 - the outer object is self
                return lambda **request: self._answer(model.operation_model(names[name]), request)

        return Client()

    def _answer(self, operation: Any, request: dict[str, Any]) -> Any:
        report = ParamValidator().validate(request, operation.input_shape)
        assert not report.has_errors(), report.generate_report()
        if not operation.name.startswith("Get"):
            self.calls.append((operation.name, request))
        return ANSWERS.get(operation.name, {})


@pytest.fixture
def aws() -> PlayedAws:
    """An AWS that was asked for nothing yet."""
    return PlayedAws()


@pytest.fixture
def stage(aws: PlayedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage of two stacks that are deployed; a renewed certificate is a call too."""
    resources = {
        "canary": ("CanaryFunction", "CanaryRole", "CanaryFunctionSchedule", "PagerFunction"),
        "authorizer": ("AuthorizerFunction",),
    }
    names = {
        name: DeployedStack(name=name, resources={each: f"{name}.{each}" for each in has}, outputs={}, types={})
        for name, has in resources.items()
    }
    monkeypatch.setattr(
        breaks,
        "renew_certificate",
        lambda state, days=0: aws.calls.append(("renew", {"state": state, "days": days})),
    )
    return Stage(
        client=aws.client, state=tmp_path, authorizer_stack="authorizer", stack="canary", canary="fleet", _names=names
    )


FUNCTION = {"FunctionName": "canary.CanaryFunction"}
ROLE = {"RoleName": "canary.CanaryRole", "PolicyName": "connect"}
USER = {"UserName": "fleet-stranger", "PolicyName": "too-generous"}
SECRET = {"SecretId": "iot-connect-canary/fleet/authorizer"}
GENEROUS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}


def _configured(name: str, **values: Any) -> Call:
    return "UpdateFunctionConfiguration", {"FunctionName": name, **values}


def _at(endpoint: str) -> Call:
    variables = {**VARIABLES, "CANARY_ENDPOINT": endpoint}
    return _configured("canary.CanaryFunction", Environment={"Variables": variables})


def _code(name: str) -> tuple[list[Call], list[Call]]:
    return [_configured(name, Handler="no_such_module.lambda_handler")], [_configured(name, Handler="h.run")]


def _scheduled(state: str) -> list[Call]:
    return [("UpdateSchedule", {"Name": "canary.CanaryFunctionSchedule", "State": state, **SCHEDULE})]


# A change of the configuration is another execution environment.
RESTART = _configured("canary.CanaryFunction", MemorySize=512)
# The calls that break, and those that mend.
CALLS: dict[str, tuple[list[Call], list[Call]]] = {
    "certificate": ([("renew", {"days": 5})], [("renew", {"days": 0})]),
    "permission": (
        [("DeleteRolePolicy", ROLE)],
        [("PutRolePolicy", {**ROLE, "PolicyDocument": json.dumps(POLICY)})],
    ),
    "authorizer": _code("authorizer.AuthorizerFunction"),
    "endpoint": ([_at("localhost:1")], [_at("localhost:8883")]),
    "schedule": (_scheduled("DISABLED"), _scheduled("ENABLED")),
    "throttle": (
        [("PutFunctionConcurrency", {**FUNCTION, "ReservedConcurrentExecutions": 0})],
        [("DeleteFunctionConcurrency", FUNCTION)],
    ),
    "function": _code("canary.CanaryFunction"),
    "secret": (
        [("DeleteSecret", {**SECRET, "RecoveryWindowInDays": 7}), RESTART],
        [("RestoreSecret", SECRET), RESTART],
    ),
    "accept": (
        [("PutUserPolicy", {**USER, "PolicyDocument": json.dumps(GENEROUS)})],
        [("DeleteUserPolicy", USER)],
    ),
    "pager": _code("canary.PagerFunction"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_calls_of_a_break(aws: PlayedAws, stage: Stage, name: str) -> None:
    """Mending undoes what the break did, and nothing else."""
    broke, mended = CALLS[name]
    of_state = {"state": stage.state}
    break_now(stage, name)
    assert aws.calls == [(call, request | (of_state if call == "renew" else {})) for call, request in broke]
    aws.calls.clear()
    assert mend_now(stage, name) == [f"Mended: {name}."]
    assert aws.calls == [(call, request | (of_state if call == "renew" else {})) for call, request in mended]


def test_what_is_said_of_a_break(stage: Stage) -> None:
    """What happens, which alarm to expect, and where to look."""
    assert break_now(stage, "schedule") == [
        "Broken: the schedule is disabled. Expect SilentCanaryAlarm.",
        "The screen of make run shows what comes of it. To mend it: make mend",
    ]


def test_last_one_is_mended_first(aws: PlayedAws, stage: Stage) -> None:
    """As breaks may build on each other; without a name all are."""
    for name in ("schedule", "throttle", "function"):
        break_now(stage, name)
    assert mend_now(stage, "throttle") == ["Mended: throttle."]
    assert list(Broken(stage.state).read()) == ["schedule", "function"]
    assert mend_now(stage) == ["Mended: function.", "Mended: schedule."]
    assert mend_now(stage) == ["Nothing is broken."]
    assert len(aws.calls) == 6


def test_twice_broken_or_mended(aws: PlayedAws, stage: Stage) -> None:
    """The second time it is a sentence, and nothing is called."""
    break_now(stage, "throttle")
    with pytest.raises(LocalAwsError, match=r"^throttle is broken already; make mend mends it\.$"):
        break_now(stage, "throttle")
    with pytest.raises(LocalAwsError, match=r"^schedule is not broken\.$"):
        mend_now(stage, "schedule")
    assert len(aws.calls) == 1
