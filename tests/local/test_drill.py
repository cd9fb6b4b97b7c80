"""Breaks end to end: from what is broken to the page, its mending, and the recovery; `make drill` does all of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.demo.break_command import break_now, mend_now
from infra.local.demo.breaks import BREAKS
from infra.local.demo.drill import Drill, deployed
from infra.local.demo.run import LOCAL_TEMPLATE
from infra.local.demo.stage import Stage

# Two seconds are a minute; the pager's eight seconds of collecting stay.
SPEED = 30.0


@pytest.fixture(scope="module")
def drill() -> Iterator[Drill]:
    """A deployed canary of its own, which runs and is healthy."""
    with deployed(LOCAL_TEMPLATE, SPEED) as running:
        running.start()
        yield running


def _state(stage: Stage) -> dict[str, Any]:
    """Return everything that the breaks change, as AWS tells it."""
    functions, iam = stage.client("lambda"), stage.client("iam")
    names = (stage.resource("CanaryFunction"), stage.resource("PagerFunction"), stage.authorizer_function)
    configurations = [functions.get_function_configuration(FunctionName=name) for name in names]
    role, user = stage.resource("CanaryRole"), f"{stage.canary}-stranger"
    return {
        "functions": [(each["Handler"], each.get("Environment")) for each in configurations],
        "concurrency": functions.get_function_concurrency(FunctionName=names[0]).get("ReservedConcurrentExecutions"),
        "role": {name: _role_policy(iam, role, name) for name in iam.list_role_policies(RoleName=role)["PolicyNames"]},
        "user": iam.list_user_policies(UserName=user)["PolicyNames"],
        "schedule": stage.client("scheduler").get_schedule(Name=stage.resource("CanaryFunctionSchedule"))["State"],
        "secret": stage.client("secretsmanager").describe_secret(SecretId=stage.authorizer_secret).get("DeletedDate"),
        "certificate": (stage.state / "endpoint.pem").read_text(),
    }


def _role_policy(iam: Any, role: str, name: str) -> Any:
    return iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


def test_every_break_is_mended(drill: Drill) -> None:
    """Each break changes something of the deployed canary, and `make mend` leaves nothing of it."""
    before = _state(drill.stage)
    for name in BREAKS:
        break_now(drill.stage, name)
        assert _state(drill.stage) != before, name
        assert mend_now(drill.stage) == [f"Mended: {name}."]
        after = _state(drill.stage)
        # A renewed certificate is another one.
        renewed = {"certificate": after["certificate"]} if name == "certificate" else {}
        before |= renewed
        assert after == before, name
    assert mend_now(drill.stage) == ["Nothing is broken."]


def test_breaks_are_told(drill: Drill) -> None:
    """A refused client let in and a broken function ring their alarms, people are told, and of the recovery too."""
    accepted, function = drill.act("accept"), drill.act("function")
    for name, result in (("accept", accepted), ("function", function)):
        assert result.page.subject.startswith(BREAKS[name].subject)
    assert "stranger" in accepted.page.subject
    assert "WHAT TO DO" in function.page.text
    drill.recover(accepted)
    assert accepted.recovery is not None
    assert "stranger refuses again" in accepted.recovery.subject
    assert _state(drill.stage)["user"] == ["all"]
