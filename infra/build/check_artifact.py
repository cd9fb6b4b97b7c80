"""Check the built artifact: its native library's architecture, its bytecode, and that its handler can be imported."""

import argparse
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

# e_machine of the ELF header (System V ABI, "Machine").
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}
_LIBRARY = "_awscrt.abi3.so"
_E_MACHINE = slice(18, 20)
# A file's flags after its magic number (PEP 552): bytecode that is loaded without a look at its source.
_FLAGS, _UNCHECKED_HASH = slice(4, 8), (1).to_bytes(4, "little")
RUNTIME = "3.13"
_TAG = f"cpython-{RUNTIME.replace('.', '')}"

# Imports with the standard library and the artifact only, as on Lambda (which adds boto3, imported late).
_IMPORT = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import connect_canary.handler
assert connect_canary.__version__, "the artifact does not know its version"
assert "boto3" not in sys.modules and "botocore.session" not in sys.modules, "boto3 was imported"
import connect_canary.probe.attempt, connect_canary.config.plan
"""
# The status widget brings no package along, and boto3 is imported when it is asked for.
_IMPORT_WIDGET = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import connect_canary.status_widget
foreign = {"awscrt", "awsiot", "aws_lambda_powertools", "boto3"} & sys.modules.keys()
assert not foreign, f"{foreign} was imported"
"""
# Imports that references need, with this interpreter's boto3 instead of the Lambda runtime's.
_IMPORT_LATE = """
import sys
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:2]
sys.path.append(sys.argv[2])
import connect_canary.config.references
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
import aws_lambda_powertools
assert aws_lambda_powertools.__file__.startswith(sys.argv[1]), "Powertools came from elsewhere"
"""
_NO_BYTECODE = (
    f"No Python {RUNTIME} was found, so each cold start compiles every module. "
    f"Name one: make build RUNTIME_PYTHON=/path/to/python{RUNTIME}"
)


def problems(artifact: Path, architecture: str) -> list[str]:
    """Return one sentence for each problem of the artifact."""
    library = artifact / _LIBRARY
    if not library.is_file():
        return [f"{library} is missing: the SDK's native library was not installed"]
    machine = int.from_bytes(library.read_bytes()[_E_MACHINE], "little")
    if machine != MACHINES[architecture]:
        names = {number: name for name, number in MACHINES.items()}
        return [f"{library} is for {names.get(machine, hex(machine))}, the template says {architecture}"]
    imports = {"the handler": _IMPORT, "the imports of references": _IMPORT_LATE}
    importing = _import_problems(artifact, imports) if architecture == host_architecture() else []
    return _bytecode_problems(artifact) + importing


def widget_problems(artifact: Path) -> list[str]:
    """Return one sentence for each problem of the status widget's artifact, which fits every architecture."""
    return _import_problems(artifact, {"the status widget": _IMPORT_WIDGET})


def has_bytecode(artifact: Path) -> bool:
    """Return whether the artifact has bytecode of the Lambda runtime's Python."""
    return _bytecode(artifact / "connect_canary" / "handler.py").is_file()


def _bytecode(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{_TAG}.pyc"


def _bytecode_problems(artifact: Path) -> list[str]:
    """Return a sentence if only some modules have bytecode, or if any would be compared with its source."""
    compiled = {path for path in artifact.rglob("*.pyc") if path.read_bytes()[_FLAGS] == _UNCHECKED_HASH}
    expected = {_bytecode(source) for source in artifact.rglob("*.py")} if has_bytecode(artifact) else set()
    different = sorted(
        path.relative_to(artifact) for path in {*artifact.rglob("*.pyc"), *expected} - (compiled & expected)
    )
    return [f"the bytecode of {RUNTIME} is not whole, as {different[0]} shows"] if different else []


def host_architecture() -> str:
    """Return this machine's architecture by Lambda's name."""
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"


def size_mb(artifact: Path) -> float:
    """Return the total size of the files in megabytes."""
    return sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file()) / 1e6


def _import_problems(artifact: Path, imports: Mapping[str, str]) -> list[str]:
    messages: list[str] = []
    for what, code in imports.items():
        command = [sys.executable, "-I", "-S", "-c", code, str(artifact.resolve()), sysconfig.get_path("purelib")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = " ".join(done.stderr.strip().splitlines()[-1:])
            messages.append(f"{what} cannot be imported from the artifact alone: {last}")
    return messages


def main() -> int:
    """Print the problems or the size; return 0 without problems, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact", type=Path, help="the built directory, .aws-sam/build/CanaryFunction")
    parser.add_argument("architecture", choices=sorted(MACHINES), help="Architecture of the template")
    parser.add_argument("--widget", type=Path, help="the status widget's, .aws-sam/build/StatusWidgetFunction")
    arguments = parser.parse_args()
    messages = problems(arguments.artifact, arguments.architecture)
    messages += widget_problems(arguments.widget) if arguments.widget else []
    for problem in messages:
        print(problem, file=sys.stderr)
    if not messages:
        bytecode = "with" if has_bytecode(arguments.artifact) else "without"
        print(
            f"The artifact is for {arguments.architecture}, {size_mb(arguments.artifact):.1f} MB unpacked, "
            f"{bytecode} bytecode of Python {RUNTIME}."
        )
        if bytecode == "without":
            print(_NO_BYTECODE)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
