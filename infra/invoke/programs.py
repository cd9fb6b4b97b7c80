"""Where the programs are that run the artifact: SAM's emulator, and the Python that stands for Lambda's runtime."""

import platform
from pathlib import Path

from infra.invoke.emulator import EmulatorError

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACT = REPOSITORY / ".aws-sam" / "build" / "CanaryFunction"
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


def emulator_binary() -> Path:
    """Return the path of the emulator that aws-sam-cli brings along; raise EmulatorError if it is missing."""
    name = f"aws-lambda-rie-{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
    for path in (REPOSITORY / ".venv-sam" / "lib").glob(f"python*/site-packages/samcli/local/rapid/{name}"):
        return path
    raise EmulatorError(f"AWS SAM's environment .venv-sam has no {name}; `make build` sets it up.")


def runtime_python() -> Path:
    """Return the Python that has AWS's runtime client; raise EmulatorError if it is missing."""
    path = REPOSITORY / ".venv-runtime" / "bin" / "python"
    if not path.exists():
        raise EmulatorError(f"The runtime's environment is missing, and with it {path}; `make test` sets it up.")
    return path


def built_artifact() -> Path:
    """Return the built artifact; raise EmulatorError if it is missing."""
    if not (ARTIFACT / "connect_canary" / "handler.py").is_file():
        raise EmulatorError(f"There is no artifact at {ARTIFACT}; `make build` makes it.")
    return ARTIFACT
