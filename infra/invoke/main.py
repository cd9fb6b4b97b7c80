"""Run the built artifact once on this machine, as Lambda runs it (`make invoke-local`).

Without a file of variables it connects to a local endpoint, which is healthy or fails as asked. With one it connects to
what that names, with your AWS credentials. Exit codes are those of connect-canary.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.invoke.credentials import HOW, caller_credentials
from infra.invoke.emulator import Emulator, EmulatorError, Invocation, LocalFunction
from infra.invoke.env_file import EnvFileError, declared_variables, read_env_file
from infra.invoke.local_endpoint import HEALTHY, MODES, ROLE, LocalEndpointError, local_endpoint
from infra.invoke.programs import REPOSITORY, built_artifact, emulator_binary, runtime_python
from infra.invoke.report import FAILED, INVALID, exit_code, lacks_credentials, report_lines
from infra.invoke.sam import HOST_NAME, host_address, invoke_in_container

_TEMPLATE = REPOSITORY / ".aws-sam" / "build" / "template.yaml"
_EVENT = REPOSITORY / "events" / "every.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.invoke.main", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--event", type=Path, default=_EVENT, help="JSON file (default: events/every.json)")
    parser.add_argument("--env", type=Path, help="JSON file of variables, in the form of events/env.example.json")
    parser.add_argument("--mode", choices=sorted(MODES), help="auth mode at the local endpoint (default: sigv4)")
    parser.add_argument("--fault", help="scenario of the local endpoint, as certificate-expired (default: healthy)")
    parser.add_argument("--docker", action="store_true", help="in a container, through sam local invoke")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Invoke once, print a line for each target and Lambda's REPORT line, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.env and (options.mode or options.fault):
        parser.error("a file of variables names its own endpoint: leave MODE and FAULT out, or ENV")
    try:
        invocation = _invoke(options)
    except (EnvFileError, LocalEndpointError) as error:
        print(error, file=sys.stderr)
        return INVALID
    except (EmulatorError, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED
    for line in report_lines(invocation):
        print(line)
    if lacks_credentials(invocation):
        print(HOW, file=sys.stderr)
    return exit_code(invocation)


def _invoke(options: argparse.Namespace) -> Invocation:
    event = _read_event(options.event)
    if options.env:
        settings = read_env_file(options.env, declared_variables(_TEMPLATE))
        return _invoke_with(options, event, settings, caller_credentials())
    mode = options.mode or "sigv4"
    where = {"name": HOST_NAME, "address": host_address()} if options.docker else {}
    with local_endpoint(options.fault or HEALTHY, **where) as endpoint:
        return _invoke_with(options, event, {**endpoint, "CANARY_AUTH_MODE": mode, **MODES[mode]}, ROLE)


def _invoke_with(
    options: argparse.Namespace, event: object, settings: Mapping[str, str], credentials: Mapping[str, str]
) -> Invocation:
    if options.docker:
        return invoke_in_container(options.event, settings, credentials)
    function = LocalFunction(artifact=built_artifact(), python=runtime_python(), environ={**credentials, **settings})
    with Emulator(function, binary=emulator_binary()) as emulator:
        return emulator.invoke(event)


def _read_event(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnvFileError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise EnvFileError(f"{path} is no JSON: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
