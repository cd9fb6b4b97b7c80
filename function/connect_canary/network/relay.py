"""Relay: one side of the tunnel."""

import asyncio
from collections.abc import Callable
from typing import cast

from connect_canary.model.tcp_info import TcpInfo
from connect_canary.network.socket_options import set_quickack
from connect_canary.network.tcp_info import read_tcp_info


class Relay(asyncio.Protocol):
    """One side of the tunnel: calls `watch` with the bytes it receives, then writes them to its peer."""

    def __init__(
        self,
        watch: Callable[[bytes], None],
        *,
        closed: Callable[[Exception | None], None] | None = None,
        quick_ack: bool = False,
    ) -> None:
        self.peer: Relay | None = None
        self._watch, self._closed, self._quick_ack = watch, closed, quick_ack
        self._transport: asyncio.Transport | None = None
        self._aborted = False
        self._tcp_info: TcpInfo | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._aborted:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._quick_ack:
            set_quickack(cast("asyncio.Transport", self._transport).get_extra_info("socket"))
        self._watch(data)
        if self.peer is not None:
            self.peer.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.tcp_info()
        if self._closed is not None and not self._aborted:
            self._closed(exc)
        if self.peer is not None:
            self.peer.close()

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer._transport is not None:  # noqa: SLF001 - the same class
            self.peer._transport.pause_reading()  # noqa: SLF001

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer._transport is not None:  # noqa: SLF001
            self.peer._transport.resume_reading()  # noqa: SLF001

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Flush and close; ignore later events of this peer."""
        self._closed = None
        if self._transport is not None:
            self.tcp_info()
            self._transport.close()

    def tcp_info(self) -> TcpInfo | None:
        """Return TCP's counters, the last ones once the connection is closed."""
        if self._transport is not None:
            self._tcp_info = read_tcp_info(self._transport.get_extra_info("socket")) or self._tcp_info
        return self._tcp_info

    def abort(self) -> None:
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()
