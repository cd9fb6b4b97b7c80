"""From the state of an attempt to its outcome: when what happened, in milliseconds."""

from concurrent.futures import Future
from dataclasses import replace

import pytest

from connect_canary.model.phases import Phase
from connect_canary.probe.attempt_state import AttemptState
from connect_canary.probe.auth.connect_auth import ConnectAuth
from connect_canary.probe.verdict import build_outcome
from tests.unit.factories import target_of

NOW = 1000.5


@pytest.fixture(autouse=True)
def _clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: NOW)


def _state(**facts: object) -> AttemptState:
    """Return the state of an attempt that was made half a second ago, and resolved and dialled 0.3 s ago."""
    auth = ConnectAuth(sign=lambda _: Future())
    state = AttemptState(target=target_of(), client_id="test-1", timeout_s=10, auth=auth, created=1000.0)
    state.trace.started_at.update({Phase.DNS: 1000.2, Phase.TCP: 1000.25})
    state.trace.phase = Phase.TCP
    return replace(state, **facts)  # type: ignore[arg-type]  # of any of its fields


def test_times_of_a_connect() -> None:
    """To the CONNACK, from there to the end of the disconnect, and all in all; the last phase ends with the CONNACK."""
    outcome = build_outcome(_state(started=1000.1, connected=1000.35, disconnected=1000.4, ended=1000.45))
    assert outcome.healthy
    assert outcome.connect_ms == pytest.approx(250)
    assert outcome.disconnect_ms == pytest.approx(50)
    assert outcome.elapsed_ms == pytest.approx(500)
    assert outcome.phases_ms == pytest.approx({"dns": 50, "tcp": 100})


@pytest.mark.parametrize(("ended", "tcp_ms", "words"), [(1000.45, 200, "0.5 s"), (None, 250, "0.0 s")])
def test_times_of_a_failure(ended: float | None, tcp_ms: float, words: str) -> None:
    """The last phase ends with the attempt, or now; its explanation takes time that is not the endpoint's."""
    outcome = build_outcome(_state(started=1000.1, ended=ended, error=TimeoutError()))
    assert (outcome.connect_ms, outcome.disconnect_ms) == (None, None)
    assert outcome.elapsed_ms == pytest.approx(500)
    assert outcome.phases_ms == pytest.approx({"dns": 50, "tcp": tcp_ms})
    assert outcome.reason == f"no answer to the TCP connect within {words}"


@pytest.mark.parametrize("error", [None, TimeoutError()], ids=["disconnected", "lost"])
def test_client_that_got_in_where_it_must_not(error: Exception | None) -> None:
    """The outcome says so, whatever came after the CONNACK."""
    state = _state(target=target_of(expect="refuse"), started=1000.1, connected=1000.35, ended=1000.45, error=error)
    outcome = build_outcome(state)
    assert (outcome.failure, outcome.phase) == ("UnexpectedAccept", Phase.CONNACK)
    assert outcome.reason == "the connect was accepted where a refusal is expected"


def test_time_that_remains() -> None:
    """Until the deadline, which counts from the start."""
    assert _state().remaining_s == pytest.approx(9.5)
