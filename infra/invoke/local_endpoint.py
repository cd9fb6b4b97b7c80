"""A local endpoint to invoke the function against, healthy or failing as asked, and settings for each auth mode."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.invoke.programs import REPOSITORY

HEALTHY = "healthy"
_ENDS_WITHIN_S = 5.0
# The endpoint checks none of these.
_AUTHORIZER = {"CANARY_AUTHORIZER_NAME": "local", "CANARY_AUTHORIZER_USERNAME": "somebody"}
MODES: Mapping[str, Mapping[str, str]] = {
    "sigv4": {},
    "sigv4-static": {"CANARY_ACCESS_KEY_ID": "AKIDLOCAL", "CANARY_SECRET_ACCESS_KEY": "not-a-secret-key"},
    "custom-unsigned": {**_AUTHORIZER, "CANARY_AUTHORIZER_PASSWORD": "not-a-password"},
    "custom-signed": {
        **_AUTHORIZER,
        "CANARY_AUTHORIZER_TOKEN_KEY_NAME": "token",
        "CANARY_AUTHORIZER_TOKEN_VALUE": "not-a-token",
        "CANARY_AUTHORIZER_TOKEN_SIGNATURE": "bm90LWEtc2lnbmF0dXJl",
    },
}
# What Lambda puts into the environment of a function: its role's credentials.
ROLE = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDROLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-role-key",
    "AWS_SESSION_TOKEN": "not-a-session",
}


class LocalEndpointError(RuntimeError):
    """The local endpoint cannot run; the message is a sentence for the user."""


@contextmanager
def local_endpoint(scenario: str, *, name: str = "localhost", address: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """Yield the settings that lead, by this name, to an endpoint at this address with a scenario of docs/faults.md."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faulty.server", "--host", address, scenario],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _settings(server, name)
    finally:
        _stop(server)


def _settings(server: "subprocess.Popen[str]", name: str) -> dict[str, str]:
    hello = server.stdout.readline() if server.stdout else ""
    if not hello.startswith("PORTS "):
        said = server.stderr.read().strip().splitlines()[-1:] if server.stderr else []
        raise LocalEndpointError(f"The local endpoint did not start: {' '.join(said).rpartition('error: ')[2]}")
    listening = json.loads(hello.removeprefix("PORTS "))
    host = name if listening["host"] == "localhost" else listening["host"]
    return {
        "CANARY_NAME": "local",
        "CANARY_ENDPOINT": f"{host}:{listening['ports'][0][1]}",
        "CANARY_SIGNING_REGION": ROLE["AWS_REGION"],
        # The text, because a container does not see the file.
        "CANARY_CA_FILE": Path(listening["ca_file"]).read_text(encoding="ascii"),
        "HTTPS_PROXY": listening["proxy"],
    }


def _stop(server: "subprocess.Popen[str]") -> None:
    """End the server with its standard input, or with force."""
    for stream in (server.stdin, server.stdout, server.stderr):
        if stream is not None:
            stream.close()
    try:
        server.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
