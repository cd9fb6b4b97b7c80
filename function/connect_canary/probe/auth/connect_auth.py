"""What an auth mode adds to the upgrade request and to the CONNECT."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from awscrt.http import HttpRequest

SignRequest = Callable[[HttpRequest], "Future[object]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectAuth:
    """What a mode puts into the WebSocket upgrade request and into the CONNECT."""

    sign: SignRequest
    username: str | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
    sdk_metrics: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)
