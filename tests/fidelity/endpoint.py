"""The endpoint of a pair: `python -m tests.fidelity.endpoint --host HOST NAME ...`, in each way that a condition names.

It prints `PORTS` and a JSON object with the CA file and a port for each name, and ends with its standard input.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faulty import steps
from tests.faulty.server import FaultyEndpoint
from tests.faulty.server_connection import ServerConnection
from tests.faulty.steps import Behaviour, Step, sequence

CLOSED = "port closed"
_THINKS_S = 1.5  # as a custom authorizer may


async def stop_process(connection: ServerConnection) -> bool:
    """Stop the whole process, as a frozen container is; its kernel goes on to acknowledge.

    Only the first connection does, so that a process that is continued in order to end does not stop again.
    """
    if connection.number == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    return True


def _phases(name: str, end: Step) -> dict[str, Behaviour]:
    """Return `end` instead of the response in each phase."""
    return {
        f"{name} in TLS": Behaviour(accept=sequence(steps.receive, end)),
        f"{name} at the upgrade": _with_long_chain(upgrade=sequence(steps.receive_request, end)),
        f"{name} after CONNECT": _with_long_chain(connack=sequence(steps.receive_connect, end)),
    }


def _with_long_chain(*, upgrade: Step | None = None, connack: Step | None = None) -> Behaviour:
    """Return a behaviour whose first TLS flight has several full segments, as that of AWS IoT has."""
    return Behaviour(
        handshake=steps.tls_handshake("long"),
        upgrade=upgrade or steps.switch_protocols(),
        connack=connack or steps.send_connack(),
    )


STOPS: Mapping[str, Behaviour] = _phases("process stopped", stop_process)
BEHAVIOURS: Mapping[str, Behaviour] = {
    "healthy": _with_long_chain(),
    "thinks at the upgrade": _with_long_chain(upgrade=steps.switch_protocols(pause_s=_THINKS_S)),
    "thinks after CONNECT": _with_long_chain(connack=steps.send_connack(pause_s=_THINKS_S)),
    **_phases("closes", steps.close),
    **_phases("resets", steps.reset),
    **_phases("silent", steps.silence),
    **STOPS,
    "TLS alert": Behaviour(accept=steps.alert(40)),
    "expired certificate": Behaviour(handshake=steps.tls_handshake("expired")),
    "untrusted certificate": Behaviour(handshake=steps.tls_handshake("untrusted")),
    "certificate of another name": Behaviour(handshake=steps.tls_handshake("wrong-name")),
    "HTTP 403": _with_long_chain(upgrade=steps.refuse("403 Forbidden")),
    "HTTP 503": _with_long_chain(upgrade=steps.refuse("503 Service Unavailable")),
    "CONNACK not authorized": _with_long_chain(connack=steps.send_connack(5, 135)),
    "CONNACK server unavailable": _with_long_chain(connack=steps.send_connack(3, 136)),
}
NAMES = (CLOSED, *BEHAVIOURS)


async def _serve(names: Sequence[str], host: str) -> None:
    with tempfile.TemporaryDirectory(prefix="fidelity-") as directory:
        async with FaultyEndpoint(Path(directory), host) as endpoint:
            ports = {
                name: await (endpoint.listen("port-closed") if name == CLOSED else endpoint.serve(BEHAVIOURS[name]))
                for name in names
            }
            sys.stdout.write(f"PORTS {json.dumps({'ca_file': str(endpoint.pki.ca_file), 'ports': ports})}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.endpoint", description=__doc__)
    parser.add_argument("--host", required=True, help="address to listen on; :: for both families")
    parser.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help="behaviours")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.names, arguments.host))


if __name__ == "__main__":
    main()
