"""References: values that are read from SSM Parameter Store or Secrets Manager at run time."""

import concurrent.futures
import contextlib
import functools
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from connect_canary.config.settings import BY_KEY
from connect_canary.config.sources.account_endpoint import describe_endpoint
from connect_canary.config.sources.schemes import is_reference
from connect_canary.config.sources.service_call import ServiceUnreachableError, call_service
from connect_canary.config.sources.table import SOURCES
from connect_canary.config.values import Value, is_encodable, new_value
from connect_canary.model.secret import Secret

_MAX_CONCURRENT_CALLS = 10  # the size of botocore's connection pool
T = TypeVar("T")


class ReferenceResolver:
    """Resolves references, each at most once per run. Thread-safe.

    Values are cached from run to run for MAX_AGE_SECONDS, unless `force_fetch` is set.
    """

    def __init__(self, region: str, *, deadline: float = math.inf, force_fetch: bool = False) -> None:
        """Call services in `region` (empty: boto3's default) until `deadline` (seconds, `time.monotonic`)."""
        self._region, self._deadline, self._force_fetch = region, deadline, force_fetch
        self._lock = threading.Lock()
        self._results: dict[str, concurrent.futures.Future[Any]] = {}
        self._unreachable: dict[str, str] = {}

    def prefetch(self, references: Iterable[str]) -> None:
        """Resolve references concurrently; `fetch` raises their errors later."""
        by_scheme: dict[str, list[str]] = {}
        for reference in sorted(set(references)):
            by_scheme.setdefault(reference.partition(":")[0], []).append(reference)
        for scheme in by_scheme:
            # boto3 makes clients one at a time.
            with contextlib.suppress(ValueError):
                call_service(functools.partial(SOURCES[scheme].new_client, self._region))
        if by_scheme:
            with concurrent.futures.ThreadPoolExecutor(len(by_scheme)) as pool:
                list(pool.map(self._prefetch_source, by_scheme.values()))

    def _prefetch_source(self, references: Sequence[str]) -> None:
        """Resolve the references of one source, the first one alone: it shows whether the service can be reached."""
        self._try_fetch(references[0])
        with concurrent.futures.ThreadPoolExecutor(_MAX_CONCURRENT_CALLS) as pool:
            list(pool.map(self._try_fetch, references[1:]))

    def _try_fetch(self, reference: str) -> None:
        with contextlib.suppress(ValueError):
            self.fetch(reference)

    def fetch(self, reference: str) -> Secret:
        """Return the value that `reference` names; raise ValueError with a sentence."""
        scheme, _, name = reference.partition(":")
        get = functools.partial(SOURCES[scheme].get, name, self._region, self._force_fetch)
        return self.memoize(reference, lambda: self._call_service(scheme, get))

    def holds_secret(self, reference: str) -> bool:
        """Return whether `reference`, which was fetched, names a secret or a SecureString."""
        scheme, _, name = reference.partition(":")
        return SOURCES[scheme].is_secret(name, self._region)

    def get_by_path(self, reference: str) -> Mapping[str, Secret]:
        """Return the values below a path by their relative names; raise ValueError with a sentence."""
        scheme, _, path = reference.partition(":")
        get_by_path = SOURCES[scheme].get_by_path
        if get_by_path is None:
            raise ValueError(f"a path cannot be read from {scheme}")
        get = functools.partial(get_by_path, path, self._region, self._force_fetch)
        return self.memoize(reference, lambda: self._call_service(scheme, get))

    def refreshing(self) -> "ReferenceResolver":
        """Return another resolver that bypasses the cache."""
        return ReferenceResolver(self._region, force_fetch=True)

    def account_endpoint(self, region: str) -> str:
        """Return the account's endpoint in `region` (empty: the resolver's); raise ValueError with a sentence."""
        region = region or self._region
        return self.memoize(f"iot:DescribeEndpoint {region}", lambda: describe_endpoint(region))

    def _call_service(self, scheme: str, call: Callable[[], T]) -> T:
        """Return `call()`; once a service was unreachable, as without a VPC endpoint, raise without a further call.

        A hundred references would otherwise outlast the Lambda function, and no target would run.
        """
        if scheme in self._unreachable:
            raise ValueError(self._unreachable[scheme])
        try:
            return call()
        except ServiceUnreachableError as error:
            self._unreachable[scheme] = str(error)
            raise

    def memoize(self, key: str, call: Callable[[], T]) -> T:
        """Return or raise what `call` does; it is called once for each `key`."""
        with self._lock:
            is_owner = key not in self._results
            result = self._results.setdefault(key, concurrent.futures.Future())
        remaining_s = None if self._deadline == math.inf else max(self._deadline - time.monotonic(), 0.0)
        if is_owner and remaining_s is None:
            _resolve_future(result, call)
        elif is_owner and remaining_s:
            # Abandoned at the deadline: botocore has none for a whole call, let alone for many.
            threading.Thread(target=_resolve_future, args=(result, call), daemon=True).start()
        try:
            return cast("T", result.result(remaining_s))
        except TimeoutError:
            raise ValueError("no answer in the time that a run has for references") from None


def _resolve_future(future: "concurrent.futures.Future[Any]", call: Callable[[], object]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        future.set_exception(error)


def resolve_values(
    values: Mapping[str, Value], fetch: Callable[[str], Secret], is_secret: Callable[[str], bool]
) -> tuple[dict[str, Value], list[str]]:
    """Return `values` with references replaced by what `fetch` returns, without those for which it raises ValueError.

    The second item has a sentence for each value that is missing. `is_secret` says whether a reference names a secret.
    """
    resolved: dict[str, Value] = {}
    problems: list[str] = []
    for key, value in values.items():
        try:
            resolved[key] = _resolve_value(key, value, fetch, is_secret) if value.is_reference else value
        except ValueError as error:
            problems.append(f"{value.origin} refers to {value.text}{error}")
    return resolved, problems


def _resolve_value(key: str, value: Value, fetch: Callable[[str], Secret], is_secret: Callable[[str], bool]) -> Value:
    """Return the value that a reference names; raise ValueError with the end of a sentence."""
    try:
        text = fetch(value.text).reveal()
    except ValueError as error:
        raise ValueError(f": {error}") from error
    if is_reference(text.strip()):
        raise ValueError(", which holds another reference; allowed: a value")
    if not is_encodable(text):
        raise ValueError(", which holds no valid Unicode; allowed: text")
    resolved = new_value(BY_KEY[key], text, f"{value.origin} (from {value.text})", referenced=True)
    return replace(resolved, from_secret=is_secret(value.text), author=value.author)
