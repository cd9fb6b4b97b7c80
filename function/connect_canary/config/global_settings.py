"""The settings of the canary itself."""

import re
from collections.abc import Mapping

from connect_canary.config.confinement import AllowedEndpoint, parse_allowed_endpoints
from connect_canary.config.problems import problem_message
from connect_canary.config.references import ReferenceResolver, resolve_values
from connect_canary.config.values import Value
from connect_canary.model.frozen import frozen

DEFAULT_NAME = "iot-connect-canary"
MAX_CONCURRENT_CONNECTS = 1000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CONCURRENT = re.compile(r"[1-9][0-9]{0,2}|1000")


@frozen
class GlobalSettings:
    """The canary's name, how many targets connect at the same time, and the endpoints that documents may name."""

    name: str
    max_concurrent_connects: int
    allowed_endpoints: tuple[AllowedEndpoint, ...]


def read_global_settings(
    values: Mapping[str, Value], references: ReferenceResolver, problems: list[str]
) -> GlobalSettings:
    """Return the canary's own settings; one that cannot be used is replaced, and its problem appended."""
    own = {key: values[key] for key in ("name", "max_concurrent_connects")}
    resolved, mistakes = resolve_values(own, references.fetch, references.holds_secret)
    problems += mistakes
    name, concurrent = (resolved.get(key) for key in own)
    if name and not _NAME.fullmatch(name.text):
        problems.append(problem_message(name, "allowed: 1 to 128 of A-Z a-z 0-9 _ . -"))
    if concurrent and not _CONCURRENT.fullmatch(concurrent.text):
        allowed = f"allowed: a whole number from 1 to {MAX_CONCURRENT_CONNECTS}"
        problems.append(problem_message(concurrent, allowed))
        concurrent = None
    return GlobalSettings(
        name=name.text if name else DEFAULT_NAME,
        max_concurrent_connects=int(concurrent.text) if concurrent else 1,
        allowed_endpoints=parse_allowed_endpoints(values["allowed_endpoints"], problems),
    )
