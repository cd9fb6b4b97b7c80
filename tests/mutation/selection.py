"""Which tests a mutant is shown, and in which order: those that run its lines, quickest first."""

import bisect
import itertools
import json
import math
import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import coverage

from tests.mutation import recording, server_recording
from tests.mutation.areas import Area
from tests.mutation.concerned import only_concerned
from tests.mutation.mutations import Mutant
from tests.mutation.sandbox import ROOT, digest, environment, sandbox

# As the project configures pytest, but alone in its process and always in the same order.
PYTEST: Final = ("-q", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:randomly")
CACHE: Final = ROOT / ".mutants_cache"
_TOO_SLOW_S: Final = 20.0
# Most mutants fall to the first tests: a stage is not even collected before the stages before it have found nothing.
_STAGES_S: Final = (1.0, 8.0)
# What one mutant may cost, at least or of its whole tier; where more tests run its lines, it is shown a part of them.
_SHOWN_S, _SHOWN_SHARE = 10.0, 1 / 3
_LIMIT_S: Final = 15.0
_LIMIT_FACTOR: Final = 5.0


class BaselineError(RuntimeError):
    """The tests do not run without a mutation; the message says how they ended."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """How the tests of an area run without a mutation."""

    seconds: Mapping[str, float]
    fixtures: Mapping[str, float]
    passed: tuple[frozenset[str], ...]
    left_out: tuple[str, ...]
    packages: tuple[str, ...]
    lines: Mapping[str, Mapping[int, frozenset[str]]]

    def limit(self, test: str) -> float:
        """Return after how many seconds a test counts as hanging."""
        return _LIMIT_S + _LIMIT_FACTOR * (self.seconds[test] + self.fixtures.get(_module(test), 0))

    def select(self, mutant: Mutant) -> list[list[str]]:
        """Return the stages of the tests that run the mutant's lines; all of them where lines say nothing."""
        return [stage for tests in self._running(mutant) for stage in self._stages(tests)]

    def rest(self, mutant: Mutant) -> list[list[str]]:
        """Return the tests of each tier that may notice a mutant and are not selected, for what seems to survive.

        What uses a constant runs no line of its module, so that may be any test.
        """
        shown = {test for stage in self.select(mutant) for test in stage}
        tiers = self.passed if mutant.runs_at_import else self._running(mutant)
        return [self.ordered(set(only_concerned(mutant.path, tests)) - shown) for tests in tiers]

    def _running(self, mutant: Mutant) -> list[frozenset[str]]:
        """Return the tests of each tier that run the mutant's lines."""
        lines = self.lines.get(mutant.path)
        if lines is None:
            return list(self.passed)
        everywhere = frozenset[str]().union(*lines.values())
        if mutant.runs_at_import:
            # A test that only reads a constant runs no line; those beside it do.
            modules = {_module(test) for test in everywhere}
            return [frozenset(t for t in tests if not modules or _module(t) in modules) for tests in self.passed]
        first, last = mutant.lines
        here = frozenset[str]().union(*(lines.get(line, frozenset()) for line in range(first, last + 1)))
        # Callbacks on the SDK's own threads are not measured: other lines of their module stand for them.
        names = here or everywhere
        shown = [tests & names if names else tests for tests in self.passed]
        return [frozenset(only_concerned(mutant.path, tests)) for tests in shown]

    def _stages(self, tests: frozenset[str]) -> list[list[str]]:
        """Split the tests of a tier that a mutant is shown by the time after which they begin."""
        stages: list[list[str]] = [[] for _ in (*_STAGES_S, math.inf)]
        most = max(_SHOWN_S, *(_SHOWN_SHARE * self._total_s(tier) for tier in self.passed if tests <= tier))
        spent = 0.0
        for module, named in itertools.groupby(self.ordered(tests), _module):
            spent += self.fixtures.get(module, 0)
            shown = self._spread(list(named), most - spent)
            stages[bisect.bisect(_STAGES_S, spent)] += shown
            spent += sum(self.seconds[test] for test in shown)
        return [stage for stage in stages if stage]

    def _spread(self, tests: Sequence[str], seconds: float) -> list[str]:
        """Return evenly spread tests of one module that take so long together, all of them if there is time."""
        total = sum(self.seconds[test] for test in tests)
        share = min(1.0, max(0.0, seconds) / total) if total else 1.0
        return [test for place, test in enumerate(tests) if int((place + 1) * share) > int(place * share)]

    def ordered(self, tests: Iterable[str]) -> list[str]:
        """Sort modules, first what is quick and has many tests; those of a module stay together."""
        modules: dict[str, list[str]] = defaultdict(list)
        places = {test: place for place, test in enumerate(self.seconds)}
        for test in sorted(tests, key=lambda test: places[test]):
            modules[_module(test)].append(test)
        ordered = sorted(
            modules, key=lambda module: (self._total_s(modules[module]) ** 2 / len(modules[module]), module)
        )
        return [test for module in ordered for test in modules[module]]

    def _total_s(self, tests: Collection[str]) -> float:
        """Return how long tests take together with the fixtures of their modules."""
        fixtures = sum(self.fixtures.get(module, 0) for module in {_module(test) for test in tests})
        return fixtures + sum(self.seconds[test] for test in tests)


def _module(test: str) -> str:
    return test.partition("::")[0]


def measure(area: Area) -> Baseline:
    """Return what the tests of an area do, measured unless that is known of these very files."""
    kind = f"{area.name}-{len(area.tiers)}"
    cached = CACHE / f"{kind}-{digest()}.pickle"
    if cached.exists():
        return cast("Baseline", pickle.loads(cached.read_bytes()))  # noqa: S301 - our own
    baseline = _measure(area)
    CACHE.mkdir(exist_ok=True)
    for outdated in CACHE.glob(f"{kind}-*"):
        outdated.unlink()
    cached.write_bytes(pickle.dumps(baseline))
    return baseline


def _measure(area: Area) -> Baseline:
    """Run the tests of an area in sandboxes; raises `BaselineError` when they do not even run."""
    with ThreadPoolExecutor(area.shards) as pool:
        shards = list(pool.map(_record, _shards(area)))
    seconds, fixtures = ({k: v for each in shards for k, v in each[name].items()} for name in ("seconds", "fixtures"))
    passed = {test for each in shards for test in each["passed"]}
    lines: dict[str, dict[int, frozenset[str]]] = defaultdict(lambda: defaultdict(frozenset))
    for file, tests_by_line in (entry for each in shards for entry in each["lines"].items()):
        for line, tests in tests_by_line.items():
            lines[file][line] |= tests
    return Baseline(
        seconds=seconds,
        fixtures=fixtures,
        passed=tuple(frozenset(t for t in passed if t.startswith(tier)) for tier in area.tiers),
        left_out=tuple(sorted(seconds.keys() - passed)),
        packages=tuple(sorted({name for each in shards for name in each["packages"]})),
        lines={file: dict(tests_by_line) for file, tests_by_line in lines.items()},
    )


def _shards(area: Area) -> list[list[str]]:
    """Return what each shard runs: test files in turn, or all that the tiers name."""
    paths = list(dict.fromkeys(path for tier in area.tiers for path in tier))
    if area.shards == 1:
        return [paths]
    tests = [str(test.relative_to(ROOT)) for path in paths for test in sorted((ROOT / path).rglob("test_*.py"))]
    return [tests[shard :: area.shards] for shard in range(area.shards)]


def _record(paths: Sequence[str]) -> dict[str, Any]:
    """Return what tests do in a sandbox of their own; those that take long count as not passed."""
    with sandbox() as copy:
        recording.prepare(copy)
        command = [sys.executable, "-m", recording.__name__, *PYTEST, *paths]
        around = environment(copy, **{recording.LEADER: "1"}, **server_recording.variables(copy))
        done = subprocess.run(command, cwd=copy, env=around, capture_output=True, text=True, check=False)
        if not (copy / recording.TESTS).exists():
            raise BaselineError(done.stdout + done.stderr)
        results: dict[str, Any] = json.loads((copy / recording.TESTS).read_text())
        passed = [test for test in results["passed"] if results["seconds"][test] < _TOO_SLOW_S]
        return results | {"passed": passed, "lines": _lines(copy, passed)}


def _lines(copy: Path, tests: list[str]) -> dict[str, dict[int, frozenset[str]]]:
    """Return the tests by file and line; a directory or a module stands for all of its tests."""
    measured = coverage.Coverage(data_file=str(copy / recording.DATA), config_file=False)
    measured.combine()
    data = measured.get_data()
    names = {name: _tests_of(name, tests) for name in data.measured_contexts()}
    return {
        str(Path(file).relative_to(copy)): {
            line: frozenset[str]().union(*(names[context] for context in contexts))
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


def _tests_of(name: str, tests: list[str]) -> frozenset[str]:
    return frozenset(t for t in tests if name and (t == name or t.startswith((f"{name}::", f"{name}/"))))
