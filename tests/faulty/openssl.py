"""OpenSSL's own server, `openssl s_server`, for what Python's ssl does not offer: a TLS 1.2 renegotiation."""

import asyncio
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faulty import wire

_CHUNK = 4096
_RENEGOTIATE = b"R\n"  # the command of s_server that sends a HelloRequest
_PROCESSED_S = 0.2  # s_server reads the whole of what is on its standard input as one command


class OpenSslServer:
    """One `openssl s_server` in TLS 1.2; an async context manager. What is written to it goes to its client."""

    def __init__(self, chain: Path, *, cipher: str) -> None:
        """Show the certificate in `chain` and negotiate `cipher`."""
        self._arguments: Sequence[str] = [
            *("s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-legacy_renegotiation"),
            *("-cert", str(chain), "-key", str(chain), "-cipher", cipher),
        ]
        self._printed = b""

    async def __aenter__(self) -> Self:
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            "openssl", *self._arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.kill()
        await self._process.communicate()

    async def port(self) -> int:
        """Return the port that the system chose."""
        return int((await self._printed_match(rb"ACCEPT [\d.]+:(\d+)"))[1])

    async def read_request(self) -> str:
        """Return the key of the client's upgrade request."""
        request = await self._printed_match(rb"(?i)sec-websocket-key: (\S+).*?\r\n\r\n")
        return request[1].decode()

    async def renegotiate(self) -> None:
        """Send a HelloRequest."""
        await self._write(_RENEGOTIATE)

    async def switch_protocols(self, key: str) -> None:
        """Send the 101 for the request with this key."""
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await self._write(f"{head}Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: {wire.accept_key(key)}\r\n\r\n")

    async def refuse(self, status: str) -> None:
        """Send a refusal."""
        await self._write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")

    async def accept_connect(self) -> None:
        """Send a CONNACK of MQTT 5."""
        await self._write(wire.frame(wire.connack(wire.MQTT_5)))

    async def _write(self, data: bytes | str) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(data if isinstance(data, bytes) else data.encode())
        await stdin.drain()
        await asyncio.sleep(_PROCESSED_S)

    async def _printed_match(self, pattern: bytes) -> re.Match[bytes]:
        stdout = self._process.stdout
        assert stdout is not None
        while not (found := re.search(pattern, self._printed, re.DOTALL)):
            chunk = await stdout.read(_CHUNK)
            if not chunk:
                raise RuntimeError(f"openssl ended: {self._printed!r}")
            self._printed += chunk
        return found
