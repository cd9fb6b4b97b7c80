"""Bench `targets`: one run over up to 1,000 healthy targets, compared with a bare SDK loop and the ideal."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.cgroup import cores_of_memory, limited_to
from tests.bench.network import BenchEndpoint, Network, UnavailableError, healthy_endpoint, measure, network
from tests.bench.report import Section, skipped, spread, table

_COUNTS = (1, 10, 100, 1000)
_PORTS = 100
_VERSION = "5"
_TIMES_ONE_AT_MOST, _OF_TARGETS, _AT_MS = 3.0, 100, 50.0
_LOOPED_AT_MOST = 100
_LAMBDA_MB = 512
_ROUNDS_OF_MANY = 1000
_HEAD = (
    "targets",
    "run, wall ms",
    "times one target",
    "median start to CONNACK, ms",
    "CPU a target, ms",
    "peak memory, MB",
    "bare SDK in a loop, wall ms",
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
        "bound of connects at the same time, fresh process a run, one run before it. The ideal is the slowest single "
        f"target: the first row. The loop over the bare SDK is measured up to {_LOOPED_AT_MOST} targets."
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
        goal = _goal(setting, curve)
        parts += [goal] if goal else []
        failed += [setting.description] if "missed" in goal else []
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
    """Return runs and loops by number of targets, measured in turns."""
    curve: dict[int, dict[str, list[dict[str, float]]]] = {count: {"run": [], "loop": []} for count in _COUNTS}
    with (
        _cpu_limit(setting.megabytes) as group,
        network(setting.round_trip_ms) as place,
        healthy_endpoint(place, _PORTS) as endpoint,
    ):
        for number in range(rounds):
            for count, timings in curve.items():
                if number and count >= _ROUNDS_OF_MANY:
                    continue
                timings["run"].append(_ask("run", place, endpoint, count, group))
                if count <= _LOOPED_AT_MOST and group is None and (number == 0 or count < _LOOPED_AT_MOST):
                    timings["loop"].append(_ask("loop", place, endpoint, count, group))
    return curve


def _ask(what: str, place: Network, endpoint: BenchEndpoint, count: int, group: str | None) -> dict[str, float]:
    request = {"what": what, "endpoint": asdict(endpoint), "version": _VERSION, "targets": count, "cgroup": group}
    answer: dict[str, float] = measure(place, "tests.bench.worker", request)
    return answer


def _median(timings: Sequence[Mapping[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in timings)


def _row(count: int, curve: Mapping[int, Mapping[str, Sequence[Mapping[str, float]]]]) -> Sequence[str]:
    run, loop = curve[count]["run"], curve[count]["loop"]
    return (
        f"{count:,}",
        spread([one["wall_ms"] for one in run], digits=0),
        f"{_median(run, 'wall_ms') / _median(curve[1]['run'], 'wall_ms'):.1f}",
        f"{_median(run, 'connect_ms'):,.0f}",
        f"{_median(run, 'cpu_ms') / count:.1f}",
        f"{_median(run, 'peak_mb'):.0f}",
        f"{_median(loop, 'wall_ms'):,.0f}" if loop else "",
        f"{_median(loop, 'cpu_ms') / count:.1f}" if loop else "",
    )


def _goal(setting: _Setting, curve: Mapping[int, Mapping[str, Sequence[Mapping[str, float]]]]) -> str:
    """Return how the curve compares with its goal, if it has one."""
    if setting.megabytes is not None:
        wall_s = _median(curve[_COUNTS[-1]]["run"], "wall_ms") / 1000
        peak_mb = _median(curve[_COUNTS[-1]]["run"], "peak_mb")
        return (
            f"Goal: {_COUNTS[-1]:,} targets within Lambda's limits at {setting.megabytes} MB: {wall_s:.0f} s of 900 s, "
            f"{peak_mb:.0f} MB of {setting.megabytes} MB."
        )
    if setting.round_trip_ms != _AT_MS:
        return ""
    times = _median(curve[_OF_TARGETS]["run"], "wall_ms") / _median(curve[1]["run"], "wall_ms")
    verdict = "kept" if times <= _TIMES_ONE_AT_MOST else "**missed**"
    return f"Goal: {_OF_TARGETS} targets within {_TIMES_ONE_AT_MOST:g} times one target: {times:.2f}, {verdict}."
