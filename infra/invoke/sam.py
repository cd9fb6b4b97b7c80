"""`sam local invoke`: the function in a container of AWS's runtime image."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from infra.invoke.emulator import EmulatorError, Invocation
from infra.invoke.env_file import FUNCTION
from infra.invoke.programs import REPOSITORY

# The name of this host in the container; a local endpoint's certificate has it.
HOST_NAME = "endpoint.test"
_DOCKER_ANSWERS_WITHIN_S = 20
_NO_DOCKER = "Docker is needed and does not run here; leave DOCKER=1 out to do without."


def invoke_in_container(event: Path, settings: Mapping[str, str], credentials: Mapping[str, str]) -> Invocation:
    """Return what came of one event; raise EmulatorError without Docker. `credentials` replace the caller's."""
    with tempfile.TemporaryDirectory() as directory:
        variables = Path(directory) / "env.json"
        variables.write_text(json.dumps({FUNCTION: dict(settings)}), encoding="utf-8")
        command = [str(REPOSITORY / ".venv-sam" / "bin" / "sam"), "local", "invoke", FUNCTION]
        options = ("--event", str(event), "--env-vars", str(variables), "--add-host", f"{HOST_NAME}:{host_address()}")
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


def host_address() -> str:
    """Return this host's address in the network that SAM starts containers in; raise EmulatorError without Docker.

    There is no other way to this host: SAM takes `--docker-network host`, and does nothing (its issue 3609).
    """
    command = ["docker", "network", "inspect", "bridge"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DOCKER_ANSWERS_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmulatorError(_NO_DOCKER) from error
    if done.returncode:
        raise EmulatorError(_NO_DOCKER)
    addresses = json.loads(done.stdout)[0]["IPAM"]["Config"][0]
    # An engine that has not been started twice names no gateway; it is the network's first address.
    return str(addresses.get("Gateway") or ip_network(addresses["Subnet"])[1])
