"""The bill of materials of a built artifact (CycloneDX 1.6, JSON), from the metadata of the packages in it."""

import importlib.metadata
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "iot-connect-canary"
_LICENSE = "Apache-2.0"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def artifact_version(artifact: Path) -> str:
    """Return the canary's version, as the artifact's own code has it; raise ValueError if it has none."""
    found = _VERSION.search((artifact / "connect_canary" / "__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{artifact} does not know its version")
    return found[1]


def bill_of_materials(artifact: Path, architecture: str) -> dict[str, Any]:
    """Return the document: the same artifact has the same one, so it holds no time of day."""
    version = artifact_version(artifact)
    packages = sorted(importlib.metadata.distributions(path=[str(artifact)]), key=_name)
    names = {_name(package): _purl(package) for package in packages}
    root = {
        "type": "application",
        "bom-ref": f"{NAME}@{version}",
        "name": NAME,
        "version": version,
        "licenses": [{"license": {"id": _LICENSE}}],
        "properties": [{"name": "architecture", "value": architecture}],
    }
    content = "\n".join([f"{NAME}@{version}", architecture, *names.values()])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": root},
        "components": [_component(package) for package in packages],
        "dependencies": [
            {"ref": root["bom-ref"], "dependsOn": sorted(names.values())},
            *({"ref": _purl(package), "dependsOn": _required(package, names)} for package in packages),
        ],
    }


def _component(package: importlib.metadata.Distribution) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(package),
        "name": _name(package),
        "version": package.version,
        "licenses": _licenses(package),
        "purl": _purl(package),
    }


def _name(package: importlib.metadata.Distribution) -> str:
    """Return a package's normalized name (packaging.python.org, "Names and normalization")."""
    return _normalized(package.metadata["Name"])


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _purl(package: importlib.metadata.Distribution) -> str:
    return f"pkg:pypi/{_name(package)}@{package.version}"


def _licenses(package: importlib.metadata.Distribution) -> Sequence[Mapping[str, Any]]:
    if "License-Expression" in package.metadata:
        return [{"expression": package.metadata["License-Expression"]}]
    return [{"license": {"name": package.metadata["License"]}}] if "License" in package.metadata else []


def _required(package: importlib.metadata.Distribution, names: Mapping[str, str]) -> list[str]:
    """Return those of a package's requirements that are in the artifact, those of its extras too."""
    required = {_normalized(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in package.requires or ()}
    return sorted(names[name] for name in required if name in names)
