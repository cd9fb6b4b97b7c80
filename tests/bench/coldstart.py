"""Bench `coldstart`: the built artifact's first run under SAM's emulator, at the shares of a core that Lambda gives."""

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.build.archive import write_zip
from infra.build.check_artifact import size_mb
from infra.invoke.emulator import Emulator, EmulatorError, LocalFunction
from infra.invoke.programs import built_artifact, emulator_binary, runtime_python
from infra.local.client.process import REGION, LocalAwsError
from tests.bench import idle_gate
from tests.bench.cgroup import accounted, cores_of_memory, limited_to, processor_ms
from tests.bench.memory import reference_settings
from tests.bench.network import BenchEndpoint, UnavailableError, healthy_endpoint, loopback
from tests.bench.report import Section, skipped, spread, table, verdict
from tests.bench.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, one_target

# Memory in MB, and whether a setting is a reference.
_SETTINGS = ((256, False), (512, False), (512, True), (1024, False), (1769, False))
_LIMITED_AT_MB = 512
# The artifact of another version, to compare with: its directory.
_OTHER = "OTHER_ARTIFACT"
_NAMES = _CANARY, _HELLO, _OTHER_NAME = ("canary", "hello-world", "other artifact")
# The most that the canary may take of a contender's time, without references and with one.
_LIMITS: Mapping[bool, Mapping[str, float | None]] = {
    False: {_HELLO: 1.25, _OTHER_NAME: 0.65},
    True: {_HELLO: None, _OTHER_NAME: 0.8},
}
_HEAD = ("share of a core", "reference", _CANARY, _HELLO, _OTHER_NAME)
_PROCESSOR_HEAD = ("processor time at 0.29 of a core", _CANARY, _HELLO, "ratio", _OTHER_NAME, "ratio")
_SIZE_HEAD = ("size, MB", _CANARY, _OTHER_NAME)
_JOIN = 'echo 0 > "$0/cgroup.procs"; echo 0 > "$1/cgroup.procs"; shift; exec "$@"'
_HELLO_WORLD = '''"""A function with the imports that the SDK's samples and Powertools' guide begin with."""

import asyncio

from aws_lambda_powertools import Logger, Metrics
from awscrt import websocket
from awsiot import mqtt5_client_builder, mqtt_connection_builder

logger = Logger()


def lambda_handler(event, context):
    logger.info("hello, world")
    return {"healthy": True}
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Milliseconds from the first event to its response, and of the processor meanwhile."""

    wall_ms: float
    processor_ms: float


Timings = Mapping[str, Sequence[ColdStart]]


def bench(*, rounds: int) -> Section:
    """Measure every share without references, and the share of 512 MB with one."""
    rows: list[Sequence[str]] = []
    limited: list[Sequence[str]] = []
    notes: list[str] = []
    results: dict[str, Any] = {}
    with _artifacts() as artifacts, loopback() as place, healthy_endpoint(place) as endpoint:
        for megabytes, reference in _SETTINGS:
            name = f"{megabytes} MB{', with a reference' if reference else ''}"
            try:
                with _extra_settings(reference=reference) as settings:
                    timings = _measured(artifacts, {**_environ(endpoint), **settings}, megabytes, rounds)
            except (UnavailableError, LocalAwsError) as error:
                notes.append(skipped(name, error))
                continue
            results[name] = {contender: [asdict(one) for one in all_] for contender, all_ in timings.items()}
            rows.append(_row(megabytes, timings, reference=reference))
            if megabytes == _LIMITED_AT_MB:
                limited.append(_processor_row(timings, reference=reference))
        sizes = _size_rows(artifacts)
    return Section(
        name="coldstart",
        title="Cold start of the built artifact",
        body="\n\n".join(
            [_words(rounds), table(_HEAD, rows), table(_PROCESSOR_HEAD, limited), table(_SIZE_HEAD, sizes), *notes]
        ),
        results=results,
        failed=[row[0] for row in limited if any("missed" in cell for cell in row)],
    )


def _extra_settings(*, reference: bool) -> AbstractContextManager[Mapping[str, str]]:
    return reference_settings() if reference else nullcontext({})


def _words(rounds: int) -> str:
    return (
        "Milliseconds from the first event to its response, in a process that starts with it: the runtime's start, "
        f"init and first run, {rounds} rounds a row in turns, Python {_runtime_version()}. The hello-world imports "
        "Powertools, both of the SDK's builders and its WebSocket client, and returns at once; it has bytecode too. "
        f"The {_OTHER_NAME} {_which_other()}. With a share of a core the "
        "time is the processor's, divided by the share; what the processor took depends less on what else the machine "
        "does, so the limits are for that."
    )


@contextmanager
def _artifacts() -> Iterator[Mapping[str, Path]]:
    """Yield the artifacts to compare, by name; the hello-world has the canary's packages."""
    with tempfile.TemporaryDirectory() as directory:
        hello = Path(directory) / "hello"
        shutil.copytree(built_artifact(), hello, ignore=shutil.ignore_patterns("connect_canary"))
        (hello / "connect_canary").mkdir()
        (hello / "connect_canary" / "__init__.py").touch()
        (hello / "connect_canary" / "handler.py").write_text(_HELLO_WORLD, encoding="utf-8")
        compile_all = ("-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", str(hello))
        subprocess.run([str(runtime_python()), *compile_all], check=True)
        other = {_OTHER_NAME: Path(os.environ[_OTHER])} if _OTHER in os.environ else {}
        yield {_CANARY: built_artifact(), _HELLO: hello, **other}


def _environ(endpoint: BenchEndpoint) -> dict[str, str]:
    role = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    return one_target(endpoint, "5") | role


def _measured(artifacts: Mapping[str, Path], environ: Mapping[str, str], megabytes: int, rounds: int) -> Timings:
    timings: dict[str, list[ColdStart]] = {name: [] for name in artifacts}
    idle_gate.wait_until_idle()
    with limited_to(cores_of_memory(megabytes)) as group, accounted(group) as accounting:
        for _ in range(rounds):
            for name, artifact in artifacts.items():
                function = LocalFunction(
                    artifact=artifact, python=runtime_python(), environ=environ, memory_mb=megabytes
                )
                timings[name].append(_cold_start(function, group, accounting))
    return timings


def _cold_start(function: LocalFunction, group: str, accounting: Path) -> ColdStart:
    with Emulator(function, binary=emulator_binary(), before=("sh", "-c", _JOIN, group, str(accounting))) as emulator:
        before = processor_ms(accounting)
        first = emulator.invoke({})
        used = processor_ms(accounting) - before
    if first.error is not None or not first.response["healthy"]:
        raise EmulatorError(f"unhealthy: {first.response}")
    return ColdStart(wall_ms=first.wall_ms, processor_ms=used)


def _row(megabytes: int, timings: Timings, *, reference: bool) -> Sequence[str]:
    walls = [spread([one.wall_ms for one in timings[name]], digits=0) if name in timings else "" for name in _NAMES]
    return (f"{cores_of_memory(megabytes):.2f} ({megabytes:,} MB)", "yes" if reference else "no", *walls)


def _processor_row(timings: Timings, *, reference: bool) -> Sequence[str]:
    used = {name: [one.processor_ms for one in all_] for name, all_ in timings.items()}
    cells = ["with a reference" if reference else "without references", spread(used[_CANARY], digits=0)]
    for name, limit in _LIMITS[reference].items():
        if name in used:
            ratio = statistics.median(used[_CANARY]) / statistics.median(used[name])
            cells += [spread(used[name], digits=0), f"{ratio:.2f}" if limit is None else verdict(ratio, limit)]
        else:
            cells += ["", ""]
    return cells


def _size_rows(artifacts: Mapping[str, Path]) -> list[Sequence[str]]:
    sizes = [_sizes_mb(artifacts[name]) if name in artifacts else {} for name in (_CANARY, _OTHER_NAME)]
    return [(what, *(f"{each[what]:.1f}" if each else "" for each in sizes)) for what in sizes[0]]


def _sizes_mb(artifact: Path) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory) / "artifact.zip"
        write_zip(artifact, archive)
        bytecode = sum(path.stat().st_size for path in artifact.rglob("*.pyc")) / 1e6
        return {
            "zipped": archive.stat().st_size / 1e6,
            "unpacked": size_mb(artifact),
            "unpacked, bytecode": bytecode,
        }


def _which_other() -> str:
    return f"is {Path(os.environ[_OTHER]).name}" if _OTHER in os.environ else f"is what {_OTHER}=directory names"


def _runtime_version() -> str:
    command = [str(runtime_python()), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
