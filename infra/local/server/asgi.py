"""What the ASGI applications of this server share: types, headers, messages received again, and responses."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ReplayReceive:
    """Replays messages that were already received, then receives new ones."""

    def __init__(self, *messages: Message, receive: Receive) -> None:
        self._messages = list(messages)
        self._receive = receive

    async def __call__(self) -> Message:
        """Return the next message."""
        return self._messages.pop(0) if self._messages else await self._receive()


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by their names in lower case; of a repeated one, the last."""
    return {
        name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in scope.get("headers", [])
    }


async def respond(scope: Scope, send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send a whole response to an HTTP request, or to an upgrade that is refused."""
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    sized = {**headers, "content-length": str(len(body))}
    encoded = [(name.lower().encode(), value.encode()) for name, value in sized.items()]
    await send({"type": f"{kind}.start", "status": int(status), "headers": encoded})
    await send({"type": f"{kind}.body", "body": body})
