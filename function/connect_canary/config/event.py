"""The event: which targets it selects, and from which document."""

import re
from collections.abc import Mapping

from connect_canary.config.problems import MAX_PROBLEMS, abbreviated_repr, did_you_mean
from connect_canary.config.targets_document import TargetEntry
from connect_canary.config.values import Value


def read_event(event: object) -> tuple[Mapping[str, object], list[str]]:
    """Return the members of the event and its problems; members of other consumers are ignored."""
    if not isinstance(event, Mapping):
        return {}, [f"the event is {abbreviated_repr(event)}; allowed: a JSON object"]
    dry_run = event.get("dry_run")
    if dry_run is None or isinstance(dry_run, bool):
        return event, []
    return event, [f"event.dry_run is {abbreviated_repr(dry_run)}; allowed: true, false"]


def select_document(event: Mapping[str, object], canary: str, configured: Value, problems: list[str]) -> Value:
    """Return the reference in the event, which must be below the canary's own prefix, or else what is `configured`."""
    reference = event.get("targets")
    if reference is None:
        return configured
    prefix = f"ssm:/iot-connect-canary/{canary}/"
    if not isinstance(reference, str) or not reference.startswith(prefix) or ".." in reference:
        shown = abbreviated_repr(reference)
        problems.append(f"event.targets is {shown}; allowed: a reference that begins with {prefix}")
        return configured
    return Value(text=reference, origin="event.targets")


def shard_name(event: Mapping[str, object]) -> str | None:
    """Return the last part of the name in the event's reference to a targets document, None without one."""
    reference = event.get("targets")
    if not isinstance(reference, str):
        return None
    name, _, _ = reference.partition("#")
    return re.split("[:/]", name.rstrip("/"))[-1]


def select_entries(names: object, entries: list[TargetEntry], problems: list[str], origin: str) -> list[TargetEntry]:
    """Return the entries that `names` selects and those without a name; all if `names` is None."""
    if names is None or not entries:
        return entries
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        problems.append(f"{origin} is {abbreviated_repr(names)}; allowed: a list of names of targets")
        return entries
    known = dict.fromkeys(entry.name for entry in entries if entry.name is not None)
    unknown = [name for name in names if name not in known]
    problems += [
        f"{origin} names {abbreviated_repr(name)}, which is no target; {did_you_mean(name, known)}"
        for name in unknown[:MAX_PROBLEMS]
    ]
    problems += [f"{origin} names {abbreviated_repr(name)}, which is no target" for name in unknown[MAX_PROBLEMS:]]
    selected = {None, *names}
    return [entry for entry in entries if entry.name in selected]
