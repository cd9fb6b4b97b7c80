"""Values that live elsewhere: SSM parameters, secrets, the account's endpoint. Alone imports Parameters and boto3."""

import contextlib
import functools
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
    from botocore.config import Config

MAX_AGE_SECONDS = 300  # a rotated secret is noticed by the failed attempt that follows from it, not by its age
_AT_THE_SAME_TIME = 10  # botocore keeps as many connections
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S, _TRIES = 2, 4, 2
T = TypeVar("T")


class _UnreachableError(ValueError):
    """A service did not answer at all."""


class Lookup:
    """What one run asks for: each reference once, for many targets may share one. Safe on any thread.

    Values are kept from run to run for MAX_AGE_SECONDS, unless only `fresh` ones will do.
    """

    def __init__(self, region: str, *, until: float = math.inf, fresh: bool = False) -> None:
        """Ask in `region`, empty: where boto3 would; wait `until` (seconds, `time.monotonic`)."""
        self._region, self._until, self._fresh = region, until, fresh
        self._lock = threading.Lock()
        self._answers: dict[str, Future[Any]] = {}
        self._unreachable: dict[str, str] = {}

    def prefetch(self, references: Iterable[str]) -> None:
        """Ask for many references at the same time; what is refused is heard when it is fetched."""
        services: dict[str, list[str]] = {}
        for reference in sorted(set(references)):
            services.setdefault(reference.partition(":")[0], []).append(reference)
        for service in services:
            # boto3 makes clients one at a time.
            with contextlib.suppress(ValueError):
                _ask(functools.partial(_ssm if service == "ssm" else _secrets, self._region))
        if services:
            with ThreadPoolExecutor(len(services)) as pool:
                list(pool.map(self._fetch_all, services.values()))

    def _fetch_all(self, references: Sequence[str]) -> None:
        """Ask one service: the first reference tells whether it can be reached at all."""
        self._fetched(references[0])
        with ThreadPoolExecutor(_AT_THE_SAME_TIME) as pool:
            list(pool.map(self._fetched, references[1:]))

    def _fetched(self, reference: str) -> None:
        with contextlib.suppress(ValueError):
            self.fetch(reference)

    def fetch(self, reference: str) -> str:
        """Return the value that `reference` names; raise ValueError with a sentence."""
        service, _, name = reference.partition(":")
        ask = _parameter if service == "ssm" else _secret
        return self.once(reference, lambda: self._reach(service, lambda: ask(name, self._region, fresh=self._fresh)))

    def below(self, reference: str) -> Mapping[str, str]:
        """Return the value of every parameter below `ssm:/path/`, by its name from there on; raise ValueError."""
        path = reference.removeprefix("ssm:")
        return self.once(reference, lambda: self._reach("ssm", lambda: _below(path, self._region, fresh=self._fresh)))

    def anew(self) -> "Lookup":
        """Return another one that takes only fresh values."""
        return Lookup(self._region, fresh=True)

    def endpoint(self, region: str) -> str:
        """Return the account's endpoint in `region`, empty: where all is asked; raise ValueError with a sentence."""
        where = region or self._region
        return self.once(f"iot:DescribeEndpoint {where}", lambda: describe_endpoint(where))

    def _reach(self, service: str, ask: Callable[[], T]) -> T:
        """Return `ask()`, but wait only once for a service that cannot be reached, such as one without a VPC endpoint.

        A hundred references would otherwise wait longer than Lambda does, and no target would run.
        """
        if service in self._unreachable:
            raise ValueError(self._unreachable[service])
        try:
            return ask()
        except _UnreachableError as error:
            self._unreachable[service] = str(error)
            raise

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """Return what `ask` returns, or raise what it raises: for each name it is called once, whoever asks."""
        with self._lock:
            mine = name not in self._answers
            answer = self._answers.setdefault(name, Future())
        left = None if self._until == math.inf else self._until - time.monotonic()
        if mine and left is None:
            _settle(answer, ask)
        elif mine and left and left > 0:
            # Left behind when time is up: botocore has no deadline for a whole call, let alone for many.
            threading.Thread(target=_settle, args=(answer, ask), daemon=True).start()
        try:
            return cast("T", answer.result(left))
        except TimeoutError:
            if answer.done():
                return cast("T", answer.result())
            raise ValueError("no answer in the time that a run has for references") from None


def _settle(answer: "Future[Any]", ask: Callable[[], object]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the answer must hear of it
        answer.set_exception(error)


@functools.cache
def describe_endpoint(region: str) -> str:
    """Return the account's `iot:Data-ATS` endpoint, asked for once a cold start and region; raise ValueError."""
    import boto3  # noqa: PLC0415 - 200 ms and 27 MB that only an empty endpoint costs

    answer = _ask(lambda: boto3.client("iot", config=_config(region)).describe_endpoint(endpointType="iot:Data-ATS"))
    return str(answer["endpointAddress"])


def _parameter(name: str, region: str, *, fresh: bool) -> str:
    return str(_ask(lambda: _ssm(region).get(name, decrypt=True, max_age=MAX_AGE_SECONDS, force_fetch=fresh)))


def _below(path: str, region: str, *, fresh: bool) -> Mapping[str, str]:
    found = _ask(
        lambda: _ssm(region).get_multiple(
            path, decrypt=True, recursive=True, max_age=MAX_AGE_SECONDS, force_fetch=fresh
        )
    )
    return {name: str(value) for name, value in found.items()}


def _secret(name: str, region: str, *, fresh: bool) -> str:
    # A secret's name may not hold '#', so the first one begins the key.
    name, has_key, key = name.partition("#")
    secret = _ask(lambda: _secrets(region).get(name, max_age=MAX_AGE_SECONDS, force_fetch=fresh))
    text = _decoded(secret) if isinstance(secret, bytes) else str(secret)
    return _member(text, key) if has_key else text


def _decoded(secret: bytes) -> str:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        # The error would show a part of the secret.
        raise ValueError("the secret is binary; allowed: text in UTF-8 (base64:... for a binary password)") from None


def _member(text: str, key: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # The error would show the secret.
        raise ValueError("the secret is no JSON object, so it has no keys") from None
    member = document.get(key) if isinstance(document, dict) else None
    if isinstance(member, bool) or not isinstance(member, str | int | float):
        raise ValueError(f"the secret has no key {key!r} with a string or a number")  # noqa: TRY004 - no bug of ours
    return str(member)


def _ask(call: Callable[[], T]) -> T:
    """Return the call's answer; whatever AWS answers instead becomes a ValueError with its code and message."""
    from aws_lambda_powertools.utilities.parameters.exceptions import (  # noqa: PLC0415 - see the module's docstring
        GetParameterError,
        GetSecretError,
    )
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004, PLC0415

    try:
        return call()
    except (GetParameterError, GetSecretError, BotoCoreError, ClientError) as error:
        cause = error.__context__ if isinstance(error, GetParameterError | GetSecretError) else error
        unreachable = isinstance(cause, ConnectionError | HTTPClientError)
        raise (_UnreachableError if unreachable else ValueError)(_sentence(cause or error)) from error


def _sentence(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)
    if response is None:
        unset = type(error).__name__ == "NoRegionError"
        said = "no region to ask in is set; set AWS_REGION" if unset else f"{type(error).__name__}: {error}"
    else:
        said = f"{response['Error']['Code']}: {response['Error'].get('Message', '')}".removesuffix(": ")
    return " ".join(said.split())


@functools.cache
def _ssm(region: str) -> "SSMProvider":
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415

    return SSMProvider(boto_config=_config(region))


@functools.cache
def _secrets(region: str) -> "SecretsProvider":
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

    return SecretsProvider(boto_config=_config(region))


def _config(region: str) -> "Config":
    from botocore.config import Config  # noqa: PLC0415

    retries = {"total_max_attempts": _TRIES, "mode": "standard"}
    return Config(
        # boto3 itself looks at AWS_DEFAULT_REGION only.
        region_name=region or None,
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries=retries,
    )
