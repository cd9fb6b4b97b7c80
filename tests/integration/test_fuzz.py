"""Random bytes in the TLS handshake, the upgrade's answer, WebSocket frames and MQTT packets."""

from tests.faulty.fuzz import fuzz

CASES = 240
SEED = 20261123


def test_random_bytes_at_every_layer() -> None:
    """A few hundred random answers: each has an outcome with a name, in time, and the next run is healthy."""
    fuzzed = fuzz(CASES, seed=SEED)
    assert fuzzed.broken == []
    assert fuzzed.names.total() >= CASES
    assert len(fuzzed.names) > 5
