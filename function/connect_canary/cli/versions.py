"""The versions that a report of a bug needs."""

import platform
from importlib import metadata

import connect_canary

_PACKAGES = ("awscrt", "awsiotsdk", "botocore")


def describe_versions() -> str:
    """Return the versions of the canary, of the SDK and of Python on one line."""
    packages = (f"{package} {_version(package)}" for package in _PACKAGES)
    return f"connect-canary {connect_canary.__version__} ({', '.join(packages)}, Python {platform.python_version()})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
