"""Bench `certificate`: a healthy attempt with the certificate check and without."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.network import UnavailableError, healthy_endpoint, measure, network
from tests.bench.report import Section, skipped, spread, table, verdict

_VERSIONS = ("5", "3.1.1")
_ROUND_TRIPS_MS = (0.0, 20.0, 50.0)
_RATIO_AT_MOST = 1.1
_TIMES_AS_OFTEN_ON_LOOPBACK = 5  # the times there are short, and what disturbs them is not
_HEAD = (
    "network, MQTT",
    "start to CONNACK, with",
    "without",
    "ratio",
    "whole attempt, with",
    "without",
    "ratio",
)


def bench(*, rounds: int) -> Section:
    """Measure every network with both MQTT versions."""
    rows: list[Sequence[str]] = []
    notes: list[str] = []
    results: dict[str, Any] = {}
    for round_trip_ms in _ROUND_TRIPS_MS:
        place = f"{round_trip_ms:g} ms round trip" if round_trip_ms else "loopback"
        try:
            for version, timings in _measured(round_trip_ms, rounds).items():
                rows.append(_row(f"{place}, {version}", timings, limited=round_trip_ms > 0))
                results[f"{round_trip_ms:g} ms, {version}"] = timings
        except UnavailableError as error:
            notes.append(skipped(place, error))
    words = (
        f"Milliseconds, {rounds} rounds a row, {_TIMES_AS_OFTEN_ON_LOOPBACK} times as many on loopback. The check is "
        "a TLS handshake of its own, so the endpoint sees two. On loopback a whole attempt has no wait in which the "
        "check could hide, so it shows what the handshake costs, without a limit."
    )
    return Section(
        name="certificate",
        title="The certificate check is beside the attempt, not before it",
        body="\n\n".join([words, table(_HEAD, rows), *notes]),
        results=results,
        failed=[row[0] for row in rows if any("missed" in cell for cell in row)],
    )


def _measured(round_trip_ms: float, rounds: int) -> dict[str, Any]:
    with network(round_trip_ms) as place, healthy_endpoint(place) as endpoint:
        repeat = rounds if round_trip_ms else rounds * _TIMES_AS_OFTEN_ON_LOOPBACK
        request = {"what": "certificate", "endpoint": asdict(endpoint), "rounds": repeat}
        return {version: measure(place, "tests.bench.worker", request | {"version": version}) for version in _VERSIONS}


def _row(place: str, timings: Mapping[str, Any], *, limited: bool) -> Sequence[str]:
    cells: list[str] = [place]
    for what, has_limit in (("connect_ms", True), ("wall_ms", limited)):
        checked, plain = ([one[what] for one in timings[which]] for which in ("with", "without"))
        ratio = statistics.median(checked) / statistics.median(plain)
        cells += [spread(checked), spread(plain), verdict(ratio, _RATIO_AT_MOST) if has_limit else f"{ratio:.2f}"]
    return cells
