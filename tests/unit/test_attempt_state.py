"""The phase of an attempt: what the SDK says of its own step goes before what the records looked like."""

from concurrent.futures import Future

import pytest
from awscrt.exceptions import AwsCrtError

from connect_canary.model.phases import Phase
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import ConnectFailedError
from tests.unit.factories import target_of


def _state(*, seen: Phase, error_name: str) -> AttemptState:
    auth = ConnectAuth(sign=lambda _: Future())
    state = AttemptState(target=target_of(), client_id="test-1", timeout_s=10, auth=auth)
    state.trace.start_phase(seen)
    state.error = ConnectFailedError(AwsCrtError(2065, error_name, ""))
    return state


@pytest.mark.parametrize("seen", [Phase.UPGRADE, Phase.CONNACK])
def test_upgrade_failure_of_the_sdk_is_phase_upgrade(seen: Phase) -> None:
    """No CONNECT is sent after a response that is not 101, whatever a record was taken for."""
    state = _state(seen=seen, error_name="AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE")
    assert state.phase is Phase.UPGRADE


def test_other_failure_keeps_the_phase_that_the_records_show() -> None:
    """A hang-up after CONNECT stays in phase connack."""
    state = _state(seen=Phase.CONNACK, error_name="AWS_ERROR_MQTT_UNEXPECTED_HANGUP")
    assert state.phase is Phase.CONNACK
