"""What `make package` writes, made from the artifact that is built for this machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.build.check_artifact import host_architecture
from tests.template.cloudformation import ROOT
from tests.template.sam_tools import run_tool

BUILD = ROOT / ".aws-sam" / "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A plain template with the zips beside it."""

    path: Path
    architecture: str

    @property
    def template(self) -> dict[str, Any]:
        """The plain template."""
        return dict(json.loads(self.path.read_text()))

    @property
    def code(self) -> dict[str, Path]:
        """The zip of each function, by the parameter that holds its S3 key."""
        files = self.template["Metadata"]["IoTConnectCanary"]["Code"]
        return {parameter: self.path.parent / names[self.architecture] for parameter, names in files.items()}


def write_package(output: Path, builds: Mapping[str, Path]) -> Path:
    """Write a package of these build directories by architecture and return the path of its template."""
    options = [f"{architecture}={path}" for architecture, path in builds.items()]
    done = run_tool("python", "-m", "infra.build.package", str(output), *options)
    assert done.returncode == 0, done.stderr
    (template,) = output.glob("*.template.json")
    return template


def host_package(output: Path) -> Package:
    """Write the package of what is built for this machine."""
    architecture = host_architecture()
    return Package(path=write_package(output, {architecture: BUILD}), architecture=architecture)
