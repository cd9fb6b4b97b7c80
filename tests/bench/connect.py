"""Bench `connect`: a warm run compared with the bare SDK, on loopback and over true round trips."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.network import UnavailableError, healthy_endpoint, measure, network
from tests.bench.report import Section, skipped, spread, table, verdict

_VERSIONS = ("5", "3.1.1")
_ROUND_TRIPS_MS = (0.0, 20.0, 50.0)
_RATIO_AT_MOST = {0.0: 0.4, 20.0: 0.75}
_ROUND_TRIPS_OF_THE_PROTOCOL = 4  # TCP, TLS 1.3, upgrade, CONNECT
_BESIDE_THEM_MS = 15.0
_HEAD = ("network, MQTT", "canary, start to CONNACK", "bare SDK", "ratio", "beside 4 round trips", "handler, whole run")


def bench(*, rounds: int) -> Section:
    """Measure every network with both MQTT versions."""
    rows: list[Sequence[str]] = []
    notes: list[str] = []
    results: dict[str, Any] = {}
    for round_trip_ms in _ROUND_TRIPS_MS:
        try:
            for version, timings in _measured(round_trip_ms, rounds).items():
                rows.append(_row(round_trip_ms, version, timings))
                results[f"{round_trip_ms:g} ms, {version}"] = timings
        except UnavailableError as error:
            notes.append(skipped(f"a round trip of {round_trip_ms:g} ms", error))
    body = "\n\n".join([f"Milliseconds, {rounds} rounds a row, one target.", table(_HEAD, rows), *notes])
    return Section(
        name="connect",
        title="Start to CONNACK, beside the bare SDK",
        body=body,
        results=results,
        failed=[row[0] for row in rows if any("missed" in cell for cell in row)],
    )


def _measured(round_trip_ms: float, rounds: int) -> dict[str, Any]:
    with network(round_trip_ms) as place, healthy_endpoint(place) as endpoint:
        request = {"what": "connect", "endpoint": asdict(endpoint), "rounds": rounds}
        return {version: measure(place, "tests.bench.worker", request | {"version": version}) for version in _VERSIONS}


def _row(round_trip_ms: float, version: str, timings: Mapping[str, Any]) -> Sequence[str]:
    canary = [one["connect_ms"] for one in timings["canary"]]
    bare = [one["connect_ms"] for one in timings["bare"]]
    ratio = statistics.median(canary) / statistics.median(bare)
    limit = _RATIO_AT_MOST.get(round_trip_ms)
    beside = statistics.median(canary) - _ROUND_TRIPS_OF_THE_PROTOCOL * timings["round_trip_ms"]
    place = f"{timings['round_trip_ms']:.1f} ms round trip" if round_trip_ms else "loopback"
    return (
        f"{place}, {version}",
        spread(canary),
        spread(bare),
        f"{ratio:.2f}" if limit is None else verdict(ratio, limit),
        verdict(beside, _BESIDE_THEM_MS, digits=1),
        spread([one["wall_ms"] for one in timings["canary"]]),
    )
