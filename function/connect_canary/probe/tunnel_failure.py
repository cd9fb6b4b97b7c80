"""Whether an attempt failed on the canary's own tunnel, which is no fault of the endpoint."""

from connect_canary.model.phases import Phase
from connect_canary.network.errors import DialError
from connect_canary.network.tunnel import own_error
from connect_canary.probe.attempt_state import TLS_ERROR_PREFIX, AttemptState
from connect_canary.probe.clients.client import ConnectFailedError

# How a connect on loopback fails, and the SDK connects to nothing but the tunnel.
_NOT_CONNECTED = {
    "AWS_IO_SOCKET_ADDRESS_IN_USE",
    "AWS_IO_SOCKET_CONNECTION_REFUSED",
    "AWS_IO_SOCKET_CONNECT_ABORTED",
    "AWS_IO_SOCKET_INVALID_ADDRESS",
    "AWS_IO_SOCKET_NETWORK_DOWN",
    "AWS_IO_SOCKET_NO_ROUTE_TO_HOST",
    "AWS_IO_SOCKET_TIMEOUT",
}


def tunnel_failed(run: AttemptState) -> bool:
    """Return whether the SDK's client failed to connect to the tunnel, or lost it before its ClientHello."""
    if not isinstance(run.error, ConnectFailedError) or run.phase is Phase.CREDENTIALS:
        return False
    name, trace = run.error.error_name, run.trace
    if name in _NOT_CONNECTED:
        return True
    if trace.client_started or trace.server_closed or name.startswith(TLS_ERROR_PREFIX) or name.endswith("_TIMEOUT"):
        return False
    return trace.phase is None or trace.error is None


def tunnel_error(run: AttemptState) -> DialError:
    """Return what the tunnel itself has noticed of its failure, else what the SDK says."""
    if run.trace.phase is None and run.trace.error is not None:
        return run.trace.error
    return own_error(run.error.error_name if isinstance(run.error, ConnectFailedError) else "")
