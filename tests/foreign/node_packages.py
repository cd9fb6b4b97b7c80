"""Packages of Node.js, installed by `npm` as they are locked, and devices with the AWS IoT Device SDK among them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION
from infra.local.demo.demo_targets import DemoTargets
from tests.foreign.programs import program

INSTALL = "npm ci --ignore-scripts --prefix tests/foreign/node"
NODE_FOLDER = Path(__file__).parent / "node"
_SECONDS = 300
# One device as `node/connect.js` reads it.
Device = dict[str, Any]


def node_with(package: str) -> str:
    """Return the path of Node; skip the test if it or the package is missing."""
    node = program("node")
    if not (NODE_FOLDER / "node_modules" / package).is_dir():
        pytest.skip(f"{package} is not installed; `{INSTALL}` installs it")
    return node


def connect_all(node: str, aws: LocalAws, demo: DemoTargets, devices: Mapping[str, Device]) -> dict[str, str | None]:
    """Return what became of each device, in one process of Node that has the static key in its environment."""
    host, _, port = aws.iot_endpoint.partition(":")
    common = {"host": host, "port": int(port), "caFile": str(aws.authority), "region": REGION}
    cases = [{**common, "clientId": f"test-node-{name}", **device} for name, device in devices.items()]
    environ = {"PATH": os.environ["PATH"], **{f"AWS_{key.upper()}": value for key, value in demo.static_key.items()}}
    done = subprocess.run(
        [node, "connect.js"],
        cwd=NODE_FOLDER,
        env=environ,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(devices, json.loads(done.stdout), strict=True))
