"""Bench `targets`: one run over up to 1,000 healthy targets, compared with the bare SDK's clients started together."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.cgroup import cores_of_memory, limited_to
from tests.bench.network import BenchEndpoint, Network, UnavailableError, healthy_endpoint, measure, network
from tests.bench.report import Section, skipped, spread, table, verdict

_COUNTS = (1, 10, 100, 1000)
_PORTS = 100
_VERSION = "5"
_GOAL_TARGETS = 100
_TIMES_ONE_AT_MOST, _AT_MS = 3.0, 50.0
_TIMES_SDK_AT_MOST, _CPU_MS_AT_MOST = 1.5, 2.5
_LAMBDA_MB = 512
_ONE_ROUND_FROM = 1000
_SUBJECTS = ("run", "together")
_HEAD = (
    "targets",
    "run, wall ms",
    "times one target",
    "median start to CONNACK, ms",
    "CPU a target, ms",
    "peak memory, MB",
    "bare SDK together, wall ms",
    "ratio",
    "its CPU a target, ms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """Where a curve is measured."""

    round_trip_ms: float
    megabytes: int | None = None

    @property
    def description(self) -> str:
        place = f"{self.round_trip_ms:g} ms round trip" if self.round_trip_ms else "Loopback"
        if self.megabytes is None:
            return f"{place}, the whole machine"
        return f"{place}, {cores_of_memory(self.megabytes):.2f} of a core, which Lambda gives to {self.megabytes} MB"


_SETTINGS = (
    _Setting(round_trip_ms=0.0),
    _Setting(round_trip_ms=_AT_MS),
    _Setting(round_trip_ms=20.0, megabytes=_LAMBDA_MB),
)


def bench(*, rounds: int) -> Section:
    """Measure a curve in every setting."""
    description = (
        f"Healthy targets at {_PORTS} addresses of one endpoint process on the same machine, MQTT {_VERSION}, default "
        "bound of connects at the same time, fresh process a run, one connect before it. The ideal is the slowest "
        "single target: the first row. The bare SDK has a client a target, all started together, which share one TLS "
        "context and stop at their CONNACK; it checks no certificate and reports nothing."
    )
    parts = [description]
    results: dict[str, Any] = {}
    failed: list[str] = []
    for setting in _SETTINGS:
        try:
            curve = _curve(setting, rounds)
        except UnavailableError as error:
            parts.append(skipped(setting.description, error))
            continue
        results[setting.description] = curve
        parts += [f"**{setting.description}**", table(_HEAD, [_row(count, curve) for count in curve])]
        parts.append(_goal(setting, curve))
        failed += [setting.description] if "missed" in parts[-1] else []
    return Section(
        name="targets",
        title="Many targets in one run",
        body="\n\n".join(parts),
        results=results,
        failed=failed,
    )


@contextmanager
def _cpu_limit(megabytes: int | None) -> Iterator[str | None]:
    if megabytes is None:
        yield None
        return
    with limited_to(cores_of_memory(megabytes)) as group:
        yield group


def _curve(setting: _Setting, rounds: int) -> dict[int, dict[str, list[dict[str, float]]]]:
    """Return the canary's runs and the bare SDK's by number of targets, measured in turns."""
    curve: dict[int, dict[str, list[dict[str, float]]]] = {count: {what: [] for what in _SUBJECTS} for count in _COUNTS}
    with (
        _cpu_limit(setting.megabytes) as group,
        network(setting.round_trip_ms) as place,
        healthy_endpoint(place, _PORTS) as endpoint,
    ):
        for number in range(rounds):
            for count, timings in curve.items():
                if number == 0 or count < _ONE_ROUND_FROM:
                    for what in _SUBJECTS:
                        timings[what].append(_ask(what, place, endpoint, count, group))
    return curve


def _ask(what: str, place: Network, endpoint: BenchEndpoint, count: int, group: str | None) -> dict[str, float]:
    request = {"what": what, "endpoint": asdict(endpoint), "version": _VERSION, "targets": count, "cgroup": group}
    answer: dict[str, float] = measure(place, "tests.bench.worker", request)
    return answer


def _median(timings: Sequence[Mapping[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in timings)


def _row(count: int, curve: Mapping[int, Mapping[str, Sequence[Mapping[str, float]]]]) -> Sequence[str]:
    run, together = curve[count]["run"], curve[count]["together"]
    return (
        f"{count:,}",
        spread([one["wall_ms"] for one in run], digits=0),
        f"{_median(run, 'wall_ms') / _median(curve[1]['run'], 'wall_ms'):.1f}",
        f"{_median(run, 'connect_ms'):,.0f}",
        f"{_median(run, 'cpu_ms') / count:.1f}",
        f"{_median(run, 'peak_mb'):.0f}",
        spread([one["wall_ms"] for one in together], digits=0),
        f"{_median(run, 'wall_ms') / _median(together, 'wall_ms'):.2f}",
        f"{_median(together, 'cpu_ms') / count:.1f}",
    )


def _goal(setting: _Setting, curve: Mapping[int, Mapping[str, Sequence[Mapping[str, float]]]]) -> str:
    """Return how the curve compares with its goal."""
    run, together = (curve[_GOAL_TARGETS][what] for what in _SUBJECTS)
    if setting.megabytes is not None:
        most = curve[_COUNTS[-1]]["run"]
        return (
            f"Goal: {_COUNTS[-1]:,} targets within Lambda's limits at {setting.megabytes} MB: "
            f"{_median(most, 'wall_ms') / 1000:.0f} s of 900 s, {_median(most, 'peak_mb'):.0f} MB of "
            f"{setting.megabytes} MB."
        )
    if setting.round_trip_ms == _AT_MS:
        times = _median(run, "wall_ms") / _median(curve[1]["run"], "wall_ms")
        return f"Goal: {_GOAL_TARGETS} targets, times one target: {verdict(times, _TIMES_ONE_AT_MOST)}."
    times = _median(run, "wall_ms") / _median(together, "wall_ms")
    cpu_ms = _median(run, "cpu_ms") / _GOAL_TARGETS
    return (
        f"Goals: {_GOAL_TARGETS} targets, times the bare SDK: {verdict(times, _TIMES_SDK_AT_MOST)}; CPU a target in "
        f"milliseconds: {verdict(cpu_ms, _CPU_MS_AT_MOST)}."
    )
