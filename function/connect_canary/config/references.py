"""References: values that are read from SSM Parameter Store or Secrets Manager at run time."""

import contextlib
import functools
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from connect_canary.config.settings import BY_KEY
from connect_canary.config.sources.account_endpoint import describe_endpoint
from connect_canary.config.sources.secrets_manager import get_secret, secrets_provider
from connect_canary.config.sources.service_call import ServiceUnreachableError, T, call_service
from connect_canary.config.sources.ssm import get_parameter, get_parameters, ssm_provider
from connect_canary.config.values import Value, is_encodable, is_reference, strip_value

MAX_AGE_SECONDS = 300  # a rotated secret is noticed by the failed attempt that follows from it, not by its age
_MAX_CONCURRENT_CALLS = 10  # botocore keeps as many connections


class ReferenceResolver:
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
                call_service(functools.partial(ssm_provider if service == "ssm" else secrets_provider, self._region))
        if services:
            with ThreadPoolExecutor(len(services)) as pool:
                list(pool.map(self._fetch_all, services.values()))

    def _fetch_all(self, references: Sequence[str]) -> None:
        """Ask one service: the first reference tells whether it can be reached at all."""
        self._fetched(references[0])
        with ThreadPoolExecutor(_MAX_CONCURRENT_CALLS) as pool:
            list(pool.map(self._fetched, references[1:]))

    def _fetched(self, reference: str) -> None:
        with contextlib.suppress(ValueError):
            self.fetch(reference)

    def fetch(self, reference: str) -> str:
        """Return the value that `reference` names; raise ValueError with a sentence."""
        service, _, name = reference.partition(":")
        ask = get_parameter if service == "ssm" else get_secret
        return self.once(reference, lambda: self._reach(service, lambda: ask(name, self._region, fresh=self._fresh)))

    def below(self, reference: str) -> Mapping[str, str]:
        """Return the value of every parameter below `ssm:/path/`, by its name from there on; raise ValueError."""
        path = reference.removeprefix("ssm:")
        return self.once(
            reference, lambda: self._reach("ssm", lambda: get_parameters(path, self._region, fresh=self._fresh))
        )

    def anew(self) -> "ReferenceResolver":
        """Return another one that takes only fresh values."""
        return ReferenceResolver(self._region, fresh=True)

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
        except ServiceUnreachableError as error:
            self._unreachable[service] = str(error)
            raise

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """Return what `ask` returns, or raise what it raises: for each name it is called once, whoever asks."""
        with self._lock:
            mine = name not in self._answers
            answer = self._answers.setdefault(name, Future())
        left = None if self._until == math.inf else self._until - time.monotonic()
        if mine and left is None:
            _resolve_future(answer, ask)
        elif mine and left and left > 0:
            # Left behind when time is up: botocore has no deadline for a whole call, let alone for many.
            threading.Thread(target=_resolve_future, args=(answer, ask), daemon=True).start()
        try:
            return cast("T", answer.result(left))
        except TimeoutError:
            if answer.done():
                return cast("T", answer.result())
            raise ValueError("no answer in the time that a run has for references") from None


def _resolve_future(answer: "Future[Any]", ask: Callable[[], object]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the answer must hear of it
        answer.set_exception(error)


Fetch = Callable[[str], str]


def resolve_values(values: Mapping[str, Value], fetch: Fetch) -> tuple[dict[str, Value], list[str]]:
    """Return `values` with references replaced by what `fetch` gives for them (raises ValueError with a sentence)."""
    resolved: dict[str, Value] = {}
    problems: list[str] = []
    for key, value in values.items():
        if not is_reference(value.text):
            resolved[key] = value
            continue
        try:
            text = strip_value(BY_KEY[key], fetch(value.text))
        except ValueError as error:
            problems.append(f"{value.origin} refers to {value.text}: {error}")
            continue
        if is_reference(text):
            problems.append(f"{value.origin} refers to {value.text}, which holds another reference; allowed: a value")
        elif not is_encodable(text):
            problems.append(f"{value.origin} refers to {value.text}, which holds no valid Unicode; allowed: text")
        else:
            resolved[key] = Value(text=text, origin=f"{value.origin} (from {value.text})", referenced=True)
    return resolved, problems
