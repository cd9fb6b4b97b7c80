"""`sam local invoke`: the function in a container of AWS's runtime image."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from infra.invoke.emulator import EmulatorError, Invocation
from infra.invoke.env_file import FUNCTION
from infra.invoke.programs import REPOSITORY

_DOCKER_ANSWERS_WITHIN_S = 20


def invoke_in_container(event: Path, settings: Mapping[str, str], credentials: Mapping[str, str]) -> Invocation:
    """Return what came of one event; raise EmulatorError without Docker. `credentials` replace the caller's."""
    _require_docker()
    with tempfile.TemporaryDirectory() as directory:
        variables = Path(directory) / "env.json"
        variables.write_text(json.dumps({FUNCTION: dict(settings)}), encoding="utf-8")
        command = [str(REPOSITORY / ".venv-sam" / "bin" / "sam"), "local", "invoke", FUNCTION]
        # The host's network, where a local endpoint listens.
        options = ("--event", str(event), "--env-vars", str(variables), "--docker-network", "host")
        started = time.perf_counter()
        done = subprocess.run(
            [*command, *options],
            cwd=REPOSITORY,
            env={**os.environ, **credentials},
            capture_output=True,
            text=True,
            check=False,
        )
    wall_ms = (time.perf_counter() - started) * 1000
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise EmulatorError(f"sam local invoke failed: {' '.join(done.stderr.strip().splitlines()[-1:])}")
    try:
        response = json.loads(lines[-1])
    except ValueError:
        response = lines[-1]
    return Invocation(response=response, output=done.stderr, wall_ms=wall_ms)


def _require_docker() -> None:
    try:
        done = subprocess.run(
            ["docker", "info"], capture_output=True, text=True, check=False, timeout=_DOCKER_ANSWERS_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulatorError("Docker is needed and does not run here; leave DOCKER=1 out to do without.") from error
    if done.returncode:
        raise EmulatorError("Docker is needed and does not run here; leave DOCKER=1 out to do without.")
