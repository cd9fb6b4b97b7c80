"""What a source of referenced values offers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connect_canary.model.secret import Secret

MAX_AGE_SECONDS = 300  # a rotated secret is noticed by the refusal that follows, not by its age


class Get(Protocol):
    """Returns the value of `name` in `region`; raises ValueError with a sentence."""

    def __call__(self, name: str, region: str, *, force_fetch: bool) -> Secret:
        """Return the value, from the service itself if `force_fetch`."""


class GetByPath(Protocol):
    """Returns the values below `path` in `region` by their relative names; raises ValueError with a sentence."""

    def __call__(self, path: str, region: str, *, force_fetch: bool) -> Mapping[str, Secret]:
        """Return the values, from the service itself if `force_fetch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSource:
    """One scheme of references, `scheme:name`.

    `new_client` makes the client of the service, once for each region. A targets document from a source that
    `holds_secrets` may hold secrets in settings that are not secret elsewhere, such as user names.
    """

    scheme: str
    new_client: Callable[[str], object]
    get: Get
    get_by_path: GetByPath | None = None
    holds_secrets: bool = False
