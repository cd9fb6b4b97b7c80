"""What an auth mode adds to the upgrade request and to the CONNECT."""

from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import field

from awscrt.http import HttpRequest

from connect_canary.model.frozen import frozen
from connect_canary.model.target import Target

# Changes the upgrade request in place; the future is done when it may be sent.
SignRequest = Callable[[HttpRequest], "Future[object]"]


@frozen
class ConnectAuth:
    """What authenticates one connect.

    `secrets` are masked in what the endpoint responds. `sdk_metrics` says whether the SDK may add its own to the user
    name.
    """

    sign: SignRequest
    username: str | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
    sdk_metrics: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)


@frozen
class AuthStrategy:
    """One auth mode.

    `authenticate` raises AwsCrtError if there are no credentials. `validate` returns the keys of settings that the SDK
    cannot use, each with what is allowed.
    """

    authenticate: Callable[[Target], Awaitable[ConnectAuth]]
    validate: Callable[[Target], Iterable[tuple[str, str]]]
