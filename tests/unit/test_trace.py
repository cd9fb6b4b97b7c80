"""Trace: when each phase began, and how long each lasted."""

import time

from connect_canary.model.phases import Phase
from connect_canary.network.phase_detector import PhaseDetector
from connect_canary.network.trace import Trace


def test_phases_last_until_the_next_one_begins() -> None:
    """Each phase ends where the next one begins, the last one at the given moment; times are milliseconds."""
    began = {Phase.DNS: 100.0, Phase.TCP: 100.0015, Phase.TLS: 100.25, Phase.UPGRADE: 100.25, Phase.CONNACK: 101.0}
    phases = Trace(started_at=began).phases_ms(101.0000625)
    assert list(phases) == ["dns", "tcp", "tls", "upgrade", "connack"]
    expected = [1.5, 248.5, 0.0, 750.0, 0.0625]
    assert all(abs(ms - wanted) < 1e-6 for ms, wanted in zip(phases.values(), expected, strict=True))


def test_phase_that_was_not_reached_has_no_time() -> None:
    """An attempt that ended in a phase has times up to it; one that never began has none."""
    assert list(Trace(started_at={Phase.DNS: 1.0, Phase.TCP: 2.0}).phases_ms(2.5)) == ["dns", "tcp"]
    assert Trace().phases_ms(2.5) == {}


def test_entering_a_phase_ends_the_one_before() -> None:
    """A phase begins when it is entered, on the clock that the moment of the end is read from."""
    trace = Trace()
    before = time.perf_counter()
    trace.start_phase(Phase.DNS)
    between = time.perf_counter()
    trace.start_phase(Phase.TCP)
    after = time.perf_counter()
    assert trace.phase is Phase.TCP
    assert before <= trace.started_at[Phase.DNS] <= between <= trace.started_at[Phase.TCP] <= after
    assert sum(trace.phases_ms(after).values()) <= (after - before) * 1000 + 1e-6


def _record(length: int) -> bytes:
    """Return a TLS record of application data (RFC 8446, section 5.2)."""
    return b"\x17\x03\x03" + length.to_bytes(2) + bytes(length)


def _ignore(*_: object) -> None:
    """Ignore an event."""


def test_session_tickets_between_two_records_of_a_request_are_no_answer() -> None:
    """What the endpoint sends before the request's last record answers the handshake; CONNECT follows the answer."""
    trace = Trace()
    trace.start_phase(Phase.TLS)
    wire = PhaseDetector(trace, stop=_ignore, closing=_ignore)
    ticket = _record(250)
    for length in (8104, 8104, 1218):
        wire.feed_client(_record(length))
        assert trace.phase is Phase.UPGRADE
        wire.feed_server(ticket)
    wire.feed_client(_record(84))
    assert trace.phase is Phase.CONNACK
