"""Whether the SDK's TLS is silent: a flight in full, a certificate check that succeeds, and time enough to answer."""

from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connect_canary.model.certificate import Certificate, CertificateCheck
from connect_canary.model.failures import Failure
from connect_canary.model.phases import Phase
from connect_canary.model.tcp_info import TcpInfo
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.wire_evidence import is_sdk_silent
from tests.unit.factories import target_of

ENDED = 1000.0
_NOW = datetime.now(UTC)
SHOWN = Certificate(
    tls_version="TLSv1.3",
    cipher="TLS_AES_128_GCM_SHA256",
    subject="localhost",
    issuer="localhost",
    not_before=_NOW,
    not_after=_NOW + timedelta(days=1),
)
_COUNTERS = TcpInfo(
    rtt_ms=1.0,
    retransmits=0,
    unacknowledged=0,
    unacknowledged_bytes=0,
    bytes_acked=1534,
    bytes_received=4082,
    silent_ms=4000.0,
)


def _state(*, silent_s: float | None, rtt_ms: float | None = None, phase: Phase = Phase.TLS) -> AttemptState:
    """Return an attempt that ended so long after the endpoint's flight, None for no flight."""
    state = AttemptState(
        target=target_of(), client_id="test-1", timeout_s=10, auth=ConnectAuth(sign=lambda _: Future()), ended=ENDED
    )
    state.trace.start_phase(phase)
    state.trace.flight_ended = None if silent_s is None else ENDED - silent_s
    state.certificate_check = CertificateCheck(certificate=SHOWN)
    if rtt_ms is not None:
        state.tcp_info = replace(_COUNTERS, rtt_ms=rtt_ms)
    return state


@pytest.mark.parametrize(
    ("silent_s", "rtt_ms", "silent"),
    [
        (0.49, None, False),
        (0.51, None, True),
        (9.9, None, True),
        (0.51, 20.0, True),
        (0.79, 200.0, False),
        (0.81, 200.0, True),
        (None, None, False),
    ],
)
def test_silence_takes_half_a_second_or_four_round_trips(
    silent_s: float | None, rtt_ms: float | None, *, silent: bool
) -> None:
    """Until then more of the flight may be under way, or the SDK at work."""
    assert is_sdk_silent(_state(silent_s=silent_s, rtt_ms=rtt_ms)) is silent


@pytest.mark.parametrize(
    "check",
    [
        CertificateCheck(),
        CertificateCheck(certificate=SHOWN, failure=Failure.CERTIFICATE_EXPIRED),
        CertificateCheck(failure=Failure.TLS_FAILED),
    ],
)
def test_endpoint_that_fails_the_certificate_check_too(check: CertificateCheck) -> None:
    """It is not the SDK's TLS alone that refuses it."""
    state = _state(silent_s=5.0)
    state.certificate_check = check
    assert not is_sdk_silent(state)


@pytest.mark.parametrize("phase", [Phase.TCP, Phase.UPGRADE, Phase.CONNACK])
def test_silence_in_another_phase_is_not_of_tls(phase: Phase) -> None:
    """There the SDK waits for the endpoint."""
    assert not is_sdk_silent(_state(silent_s=5.0, phase=phase))


def test_path_that_is_dead_explains_the_silence() -> None:
    """The rest of the flight may have been lost: TCP's probes get no answer."""
    state = _state(silent_s=5.0)
    state.tcp_info = replace(_COUNTERS, unanswered_probes=3)
    assert not is_sdk_silent(state)
