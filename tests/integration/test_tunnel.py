"""The tunnel between plain sockets: back-pressure in both directions, and how soon it acknowledges."""

import asyncio
import contextlib
import fcntl
import hashlib
import socket
import struct
import sys
from collections.abc import AsyncIterator

import pytest

from connect_canary.model.phases import Phase
from connect_canary.network.loopback_listener import LOOPBACK
from connect_canary.network.tunnel import Tunnel
from tests.unit.factories import tunnel_request

_MEBIBYTE = 1 << 20
# A TLS record of application data with arbitrary content.
_RECORD = b"\x17\x03\x03\x40\x00" + bytes(range(256)) * 64
_RECORDS = 4096
# Both sides have a send and a receive buffer of a few MiB in the kernel, and asyncio's of 64 KiB.
_MOST_TAKEN = 32 * _MEBIBYTE
_STALLED_S = 1.0
_DEADLINE_S = 30.0
_SIOCOUTQ = 0x5411


class _Path:
    """A client's socket, the tunnel, and the endpoint's socket at its other end."""

    def __init__(self, tunnel: Tunnel, client: socket.socket, endpoint: socket.socket) -> None:
        self.tunnel, self.client, self.endpoint = tunnel, client, endpoint


@pytest.fixture
async def path() -> AsyncIterator[_Path]:
    """An open tunnel through which a client has connected."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        listener.settimeout(0)
        tunnel = Tunnel(LOOPBACK, listener.getsockname()[1])
        stack.callback(tunnel.abort)
        client = stack.enter_context(socket.socket())
        client.settimeout(0)
        address = tunnel.open()
        await loop.sock_connect(client, (address.host, address.port))
        await loop.sock_sendall(client, tunnel_request(address))
        endpoint = stack.enter_context((await loop.sock_accept(listener))[0])
        assert (await loop.sock_recv(client, 1024)).startswith(b"HTTP/1.1 200 ")
        yield _Path(tunnel, client, endpoint)
    await asyncio.sleep(0)


class _Flood:
    """Sends records until nothing more is taken for a while, or until it has sent all that it offers."""

    def __init__(self, sender: socket.socket) -> None:
        self.sent = 0
        self.digest = hashlib.sha256()
        self._sender = sender

    async def run(self) -> None:
        """Send; what was taken of a record that was not taken whole is counted too."""
        loop = asyncio.get_running_loop()
        for _ in range(_RECORDS):
            view = memoryview(_RECORD)
            while view:
                try:
                    taken = self._sender.send(view)
                except BlockingIOError:
                    if not await self._can_send(loop):
                        return
                    continue
                self.sent += taken
                self.digest.update(view[:taken])
                view = view[taken:]
            await asyncio.sleep(0)

    async def _can_send(self, loop: asyncio.AbstractEventLoop) -> bool:
        writable = asyncio.Event()
        loop.add_writer(self._sender, writable.set)
        try:
            async with asyncio.timeout(_STALLED_S):
                await writable.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_writer(self._sender)
        return True


async def _received(receiver: socket.socket, size: int) -> str:
    """Return the digest of what is received, when it is `size` bytes."""
    digest, remaining = hashlib.sha256(), size
    async with asyncio.timeout(_DEADLINE_S):
        while remaining:
            data = await asyncio.get_running_loop().sock_recv(receiver, min(remaining, _MEBIBYTE))
            assert data
            digest.update(data)
            remaining -= len(data)
    return digest.hexdigest()


@pytest.mark.parametrize("towards", ["endpoint", "client"])
async def test_tunnel_reads_no_more_than_its_peer_takes(path: _Path, towards: str) -> None:
    """A side that does not read stops the other one; once it reads, every byte arrives, and then new ones."""
    # An answer's length is limited before this phase, which is another matter.
    path.tunnel.trace.start_phase(Phase.DISCONNECT)
    sender, receiver = (path.client, path.endpoint) if towards == "endpoint" else (path.endpoint, path.client)
    flood = _Flood(sender)
    await flood.run()
    assert _MEBIBYTE // 4 < flood.sent < _MOST_TAKEN
    assert await _received(receiver, flood.sent) == flood.digest.hexdigest()
    again = _Flood(sender)
    going = asyncio.create_task(again.run())
    digest = await _received(receiver, _RECORDS * len(_RECORD))
    await going
    assert digest == again.digest.hexdigest()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux has TCP_QUICKACK, and SIOCOUTQ to see it by"
)
async def test_client_is_acknowledged_before_its_bytes_are_passed_on(path: _Path) -> None:
    """The SDK's socket waits with its next small segment for this, up to 40 ms a time."""
    loop = asyncio.get_running_loop()
    path.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    unacknowledged: list[int] = []
    for _ in range(40):
        # An answer makes the system delay acknowledgements, in the hope of sending them along with data.
        await loop.sock_sendall(path.endpoint, _RECORD[:16])
        assert len(await loop.sock_recv(path.client, 1024)) == 16
        await loop.sock_sendall(path.client, _RECORD[:16])
        assert len(await loop.sock_recv(path.endpoint, 1024)) == 16
        unacknowledged.append(_unacknowledged(path.client))
    assert unacknowledged == [0] * 40


def _unacknowledged(sender: socket.socket) -> int:
    """Return how many bytes of what was sent are not acknowledged yet (tcp(7), SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sender, _SIOCOUTQ, struct.pack("i", 0)))[0]  # type: ignore[no-any-return]
