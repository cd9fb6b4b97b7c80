"""Whether an attempt failed on the canary's own tunnel, which is no fault of the endpoint."""

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.tunnel import own_error
from connect_canary.probe.attempt_state import TLS_ERROR_PREFIX, AttemptState
from connect_canary.probe.clients.client import ConnectFailedError

# The SDK's errors of a connect on loopback; it connects to nothing but the tunnel.
_CONNECT_ERRORS = {
    "AWS_IO_SOCKET_ADDRESS_IN_USE",
    "AWS_IO_SOCKET_CONNECTION_REFUSED",
    "AWS_IO_SOCKET_CONNECT_ABORTED",
    "AWS_IO_SOCKET_INVALID_ADDRESS",
    "AWS_IO_SOCKET_NETWORK_DOWN",
    "AWS_IO_SOCKET_NO_ROUTE_TO_HOST",
    "AWS_IO_SOCKET_TIMEOUT",
}


def tunnel_failed(state: AttemptState) -> bool:
    """Return whether the SDK's client failed to connect to the tunnel, or lost it before its ClientHello."""
    if not isinstance(state.error, ConnectFailedError) or state.phase is Phase.CREDENTIALS:
        return False
    name, trace = state.error.error_name, state.trace
    if name in _CONNECT_ERRORS:
        return True
    if trace.client_started or trace.server_closed or name.startswith(TLS_ERROR_PREFIX) or name.endswith("_TIMEOUT"):
        return False
    return trace.phase is None or trace.error is None


def tunnel_error(state: AttemptState) -> DialError:
    """Return the error that the tunnel itself has recorded, or else the SDK's."""
    if state.trace.phase is None and state.trace.error is not None:
        return state.trace.error
    return own_error(state.error.error_name if isinstance(state.error, ConnectFailedError) else "")
