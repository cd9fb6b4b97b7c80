"""The SDK's MQTT 3.1.1 client."""

from awscrt import mqtt

from connect_canary.probe.clients.client import (
    KEEP_ALIVE_S,
    NEVER_MS,
    ConnectFailedError,
    ConnectionOptions,
    ThreadsafeFuture,
    handshake_transform,
    proxy_options,
    sdk_metrics,
)
from connect_canary.probe.tls_trust import tls_context


class Mqtt311Connection:
    """An MQTT 3.1.1 client: its connect future is the verdict."""

    def __init__(self, options: ConnectionOptions) -> None:
        target, auth = options.target, options.auth
        self._verdict, self._closed = ThreadsafeFuture(), ThreadsafeFuture()
        closed = self._closed
        self._connection = mqtt.Connection(
            client=mqtt.Client(tls_ctx=tls_context(target)),
            host_name=target.host,
            port=target.port,
            client_id=options.client_id,
            clean_session=True,
            use_websockets=True,
            proxy_options=proxy_options(options.tunnel_address),
            websocket_handshake_transform=handshake_transform(auth.sign),
            username=auth.username,
            password=auth.password,
            disable_metrics=not auth.sdk_metrics,
            metrics=sdk_metrics() if auth.sdk_metrics else None,
            keep_alive_secs=KEEP_ALIVE_S,
            ping_timeout_ms=options.deadline_ms,
            reconnect_min_timeout_secs=NEVER_MS // 1000,
            reconnect_max_timeout_secs=NEVER_MS // 1000,
            on_connection_interrupted=lambda error, **_: closed.resolve(ConnectFailedError(error)),
        )

    async def connect(self) -> float:
        self._connection.connect().add_done_callback(self._verdict.resolve_from)
        return await self._verdict.wait()

    async def disconnect(self) -> None:
        # The client that has lost its connection itself may never report that it has stopped.
        self._connection.disconnect().add_done_callback(self._closed.resolve_from)
        await self._closed.wait()

    async def stopped(self) -> None:
        await self.disconnect()
