"""What a source of referenced values offers."""

from collections.abc import Callable, Mapping

from connect_canary.model.frozen import frozen
from connect_canary.model.secret import Secret

MAX_AGE_SECONDS = 300  # a rotated secret is noticed by the refusal that follows, not by its age

# (name, region, force_fetch) -> value; force_fetch bypasses the cache. Raises ValueError with a sentence.
Get = Callable[[str, str, bool], Secret]
# (path, region, force_fetch) -> the values below the path by their relative names; raises like Get.
GetByPath = Callable[[str, str, bool], Mapping[str, Secret]]
# (name, region) -> whether the value is a secret, once it was got.
IsSecret = Callable[[str, str], bool]


@frozen
class ReferenceSource:
    """One scheme of references, `scheme:name`; the scheme is the service's prefix in IAM actions.

    `forms` show how a reference is written, the last one with all that it can have. `new_client` makes the client of
    the service, once for each region. `is_secret` returns whether a value that was got before is a secret: it must not
    be printed, and a targets document in it may hold secrets in settings that are not secret elsewhere.
    """

    scheme: str
    forms: tuple[str, ...]
    new_client: Callable[[str], object]
    get: Get
    is_secret: IsSecret
    get_by_path: GetByPath | None = None
