"""Whether the canary's own tunnel failed: what the SDK says of it, and what the tunnel has seen."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest
from awscrt.exceptions import AwsCrtError

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.clients.client import ConnectFailedError
from connect_canary.probe.tunnel_failure import tunnel_error, tunnel_failed
from tests.unit.factories import target_of

HANG_UP = "AWS_ERROR_MQTT_UNEXPECTED_HANGUP"
DIAL_ERROR = DialError("EMFILE", "no descriptor")


def _state(error: Exception | None, seen: Mapping[str, object]) -> AttemptState:
    auth = ConnectAuth(sign=lambda _: Future())
    state = AttemptState(target=target_of(), client_id="test-1", timeout_s=10, auth=auth, error=error)
    for name, value in seen.items():
        setattr(state.trace, name, value)
    return state


def _sdk_error(name: str) -> ConnectFailedError:
    return ConnectFailedError(AwsCrtError(1, name, ""))


@pytest.mark.parametrize(
    "name",
    [
        "AWS_IO_SOCKET_ADDRESS_IN_USE",
        "AWS_IO_SOCKET_CONNECTION_REFUSED",
        "AWS_IO_SOCKET_CONNECT_ABORTED",
        "AWS_IO_SOCKET_INVALID_ADDRESS",
        "AWS_IO_SOCKET_NETWORK_DOWN",
        "AWS_IO_SOCKET_NO_ROUTE_TO_HOST",
        "AWS_IO_SOCKET_TIMEOUT",
    ],
)
def test_error_of_connecting_is_the_tunnels(name: str) -> None:
    """The SDK connects to nothing else, whatever another client has done there."""
    assert tunnel_failed(_state(_sdk_error(name), {"client_started": True, "phase": Phase.TLS}))


@pytest.mark.parametrize(
    ("name", "seen", "failed"),
    [
        (HANG_UP, {}, True),
        (HANG_UP, {"phase": Phase.TLS}, True),
        (HANG_UP, {"error": DIAL_ERROR}, True),
        (HANG_UP, {"phase": Phase.TCP, "error": DIAL_ERROR}, False),
        (HANG_UP, {"phase": Phase.TLS, "client_started": True}, False),
        (HANG_UP, {"phase": Phase.TLS, "server_closed": "reset"}, False),
        ("AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", {"phase": Phase.TLS}, False),
        ("AWS_ERROR_MQTT_TIMEOUT", {"phase": Phase.TLS}, False),
        ("AWS_AUTH_SIGNING_NO_CREDENTIALS", {}, False),
    ],
)
def test_connection_that_was_lost_before_its_first_byte(name: str, seen: Mapping[str, object], *, failed: bool) -> None:
    """It is the tunnel's, unless the endpoint could not be dialled, has closed, or the SDK knows another reason."""
    assert tunnel_failed(_state(_sdk_error(name), seen)) is failed


@pytest.mark.parametrize("error", [None, TimeoutError()])
def test_attempt_that_did_not_fail_in_the_sdk(error: Exception | None) -> None:
    """Without an error of the SDK nothing is known of the tunnel."""
    assert not tunnel_failed(_state(error, {}))


def test_error_of_the_tunnel() -> None:
    """Its own if it has one from before the first phase, else the SDK's."""
    error = _sdk_error(HANG_UP)
    assert tunnel_error(_state(error, {"error": DIAL_ERROR})) is DIAL_ERROR
    for seen in ({}, {"phase": Phase.TCP, "error": DIAL_ERROR}):
        assert tunnel_error(_state(error, seen)).error_name == HANG_UP
    assert tunnel_error(_state(TimeoutError(), {})).error_name == ""
