"""Tries mutants in sandboxes of their own, as many at the same time as there are workers."""

import json
import queue
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation import worker
from tests.mutation.areas import Area
from tests.mutation.mutations import Mutant, python_mutants
from tests.mutation.sandbox import ROOT, environment, files, sandbox
from tests.mutation.selection import Baseline, BaselineError
from tests.mutation.template_mutations import template_mutants
from tests.mutation.worker import Verdict

# How much longer a test may take at the second look, against a machine that is busy with something else.
_PATIENCE = 3.0


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A mutant, what became of it, and the test that found it."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    found_by: str = ""


def mutants_of(area: Area, module: str = "") -> list[Mutant]:
    """Return every mutant of an area, or of one of its files."""
    area_files = {str(path.relative_to(ROOT)) for path in ROOT.glob(area.files)}
    paths = [name for name in files() if name in area_files and module in ("", name)]
    mutate = python_mutants if area.files.endswith(".py") else template_mutants
    return [mutant for path in paths for mutant in mutate(path, (ROOT / path).read_bytes())]


class _Worker:
    """The process of a sandbox, controlled line by line."""

    def __init__(self, copy: Path, baseline: Baseline) -> None:
        self._baseline = baseline
        command = [sys.executable, "-m", worker.__name__]
        around = environment(copy)
        self._process = subprocess.Popen(
            command, cwd=copy, env=around, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._write(baseline.packages)

    def _write(self, value: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def ask(self, path: str, text: bytes, tiers: Sequence[Sequence[str]], *, patience: float = 1.0) -> dict[str, Any]:
        """Return what becomes of a file with another text; tests may take `patience` times as long as usual."""
        assert self._process.stdout is not None
        limits = [{test: patience * self._baseline.limit(test) for test in tier} for tier in tiers]
        self._write({"path": path, "text": text.decode(), "tiers": limits})
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def try_mutant(self, mutant: Mutant) -> Tried:
        """Return what becomes of a mutant, after a second look where the first one may be wrong.

        What no test finds is shown the tests that were left out to save time. A test that hangs may only be slow, as
        the machine is busy: it is given more time.
        """
        text = mutant.applied((ROOT / mutant.path).read_bytes())
        answer = self.ask(mutant.path, text, self._baseline.select(mutant))
        seconds = answer["seconds"]
        if answer["verdict"] == Verdict.TIMED_OUT:
            answer = self.ask(mutant.path, text, self._baseline.select(mutant), patience=_PATIENCE)
            seconds += answer["seconds"]
        if answer["verdict"] == Verdict.SURVIVED:
            answer = self.ask(mutant.path, text, self._baseline.rest(mutant), patience=_PATIENCE)
            seconds += answer["seconds"]
        found_by = answer["said"].partition("\n")[0]
        return Tried(mutant=mutant, verdict=Verdict(answer["verdict"]), seconds=seconds, found_by=found_by)

    def stop(self) -> None:
        """End the process after its last answer."""
        self._process.communicate()


@contextmanager
def _worker(baseline: Baseline) -> Iterator[_Worker]:
    with sandbox() as copy:
        running = _Worker(copy, baseline)
        try:
            yield running
        finally:
            running.stop()


def run(mutants: Sequence[Mutant], baseline: Baseline, workers: int) -> Iterator[Tried]:
    """Try every mutant and yield each as it ends; raises `BaselineError` when a test that finds one always fails."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    tried: queue.SimpleQueue[Tried | Exception] = queue.SimpleQueue()
    finders: dict[str, str] = {}
    for mutant in mutants:
        waiting.put(mutant)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            pool.submit(_work, waiting, tried, baseline)
        try:
            for _ in mutants:
                result = tried.get()
                if isinstance(result, Exception):
                    raise result
                if result.verdict is Verdict.KILLED:
                    finders[result.found_by] = result.mutant.path
                yield result
        finally:
            with suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
    _check_unchanged(finders, baseline)


def _check_unchanged(finders: Mapping[str, str], baseline: Baseline) -> None:
    """Show the tests that have found something the unchanged files, which they must pass.

    One that fails beside the others is shown them once more alone, as the machine may be busy.
    """
    if set(finders) == {""}:
        raise BaselineError("mutants count as killed, but no test has said so: pytest itself does not run")
    known = [test for test in finders if test in baseline.seconds]
    if not known:
        return
    path = finders[known[0]]
    text = (ROOT / path).read_bytes()
    with _worker(baseline) as process:
        answer = process.ask(path, text, [baseline.ordered(known)], patience=_PATIENCE)
        while answer["verdict"] != Verdict.SURVIVED:
            failed = answer["said"].partition("\n")[0]
            alone = process.ask(path, text, [[failed]], patience=_PATIENCE) if failed in known else answer
            if alone["verdict"] != Verdict.SURVIVED:
                raise BaselineError(f"a test fails or hangs without a mutation:\n{alone['said']}")
            known.remove(failed)
            answer = process.ask(path, text, [baseline.ordered(known)], patience=_PATIENCE)


def _work(
    waiting: "queue.SimpleQueue[Mutant]", tried: "queue.SimpleQueue[Tried | Exception]", baseline: Baseline
) -> None:
    try:
        with _worker(baseline) as process:
            while True:
                tried.put(process.try_mutant(waiting.get_nowait()))
    except queue.Empty:
        return
    except Exception as error:  # noqa: BLE001 - the caller raises it
        tried.put(error)
