"""What the attempt's own connection and the certificate check's show together."""

import time

from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import find_in_network
from connect_canary.probe.attempt_state import AttemptState

# The SDK answers a TLS flight within milliseconds; a part of the flight that is under way comes within round trips.
_SILENCE_S, _SILENCE_ROUND_TRIPS = 0.5, 4


def network_finding(state: AttemptState) -> NetworkFinding | None:
    """Return what TCP's counters show of an attempt that failed; its connection may be one to an egress proxy."""
    return find_in_network(
        state.tcp_info,
        phase=state.phase,
        closed=state.trace.server_closed is not None,
        small_flight_passes=state.certificate_check.certificate is not None,
    )


def is_sdk_silent(state: AttemptState) -> bool:
    """Return whether the SDK's TLS (s2n) does not go on where the certificate check's (OpenSSL) succeeds.

    s2n refuses a chain of more than seven certificates, or a signature with MD5, without a word (awscrt 0.36.1,
    measured), and the SDK reports that after ten seconds.
    """
    check, flight_ended = state.certificate_check, state.trace.flight_ended
    if state.phase is not Phase.TLS or flight_ended is None or check.certificate is None or check.failure is not None:
        return False
    if network_finding(state) is NetworkFinding.PACKETS_LOST:
        return False  # what looks like the whole flight may be its first records
    round_trip_s = state.tcp_info.rtt_ms / 1000 if state.tcp_info else 0.0
    silent_s = (state.ended or time.perf_counter()) - flight_ended
    return silent_s >= max(_SILENCE_S, _SILENCE_ROUND_TRIPS * round_trip_s)
