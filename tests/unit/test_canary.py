"""A run's deadline, where nothing needs to be connected to."""

import asyncio
import time
from typing import Any

import pytest

from connect_canary import canary
from connect_canary.certificate import Looks
from connect_canary.failures import Failure
from connect_canary.outcome import Outcome
from connect_canary.targets import Target
from tests.unit.aws_answers import Aws
from tests.unit.given import outcome_of, plan_of


@pytest.mark.parametrize(("client_id", "tries"), [("test-fixed", 1), ("", 2)])
def test_second_try_that_has_no_time_left_is_not_begun(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, client_id: str, tries: int
) -> None:
    """With a fixed client id it would have to wait a second first, which this run does not have."""
    aws.parameters = {"/user": "old"}
    (planned,) = plan_of(auth_mode="custom-unsigned", authorizer_username="ssm:/user", client_id=client_id).planned
    aws.parameters = {"/user": "new"}
    tried: list[object] = []

    async def refused(target: object, **_: Any) -> Outcome:
        tried.append(target)
        return outcome_of(healthy=False, failure=Failure.NOT_AUTHORIZED)

    monkeypatch.setattr(canary, "attempt", refused)
    until = time.monotonic() + 0.9
    asyncio.run(canary._connect_one(planned, until, Looks()))
    assert len(tried) == tries
    assert time.monotonic() < until


@pytest.mark.parametrize(("version", "tries"), [("3.1.1", 2), ("5", 1)])
def test_denial_that_looks_like_a_hang_up_is_tried_again_with_fresh_secrets(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, version: str, tries: int
) -> None:
    """MQTT 3.1.1 clients of AWS IoT are turned away without a word; MQTT 5 has a word for it."""
    aws.parameters = {"/user": "old"}
    settings = {"auth_mode": "custom-unsigned", "authorizer_username": "ssm:/user", "mqtt_version": version}
    (planned,) = plan_of(**settings).planned
    aws.parameters = {"/user": "new"}
    tried: list[Target] = []

    async def hung_up(target: Target, **_: Any) -> Outcome:
        tried.append(target)
        return outcome_of(healthy=False, failure=Failure.CONNECTION_HUNG_UP)

    monkeypatch.setattr(canary, "attempt", hung_up)
    outcome = asyncio.run(canary._connect_one(planned, time.monotonic() + 5, Looks()))
    assert [target.authorizer_username for target in tried] == ["old", "new"][:tries]
    assert outcome.secrets_refreshed is (tries == len(("old", "new")))
