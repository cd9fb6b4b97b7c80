"""The event: which targets it selects, and from which document."""

from collections.abc import Mapping

from connect_canary.config.problems import abbreviated_repr, did_you_mean
from connect_canary.config.targets_document import TargetEntry
from connect_canary.config.values import Value


def read_event(event: object) -> tuple[Mapping[str, object], list[str]]:
    """Return the event's members, whatever else a schedule has put beside those that are meant for the canary."""
    if not isinstance(event, Mapping):
        return {}, [f"the event is {abbreviated_repr(event)}; allowed: a JSON object"]
    dry_run = event.get("dry_run")
    if dry_run is None or isinstance(dry_run, bool):
        return event, []
    return event, [f"event.dry_run is {abbreviated_repr(dry_run)}; allowed: true, false"]


def select_document(event: Mapping[str, object], canary: str, configured: Value, problems: list[str]) -> Value:
    """Return where the targets come from: the event may choose another document in the canary's own place."""
    asked = event.get("targets")
    if asked is None:
        return configured
    own = f"ssm:/iot-connect-canary/{canary}/"
    if not isinstance(asked, str) or not asked.startswith(own) or ".." in asked:
        problems.append(f"event.targets is {abbreviated_repr(asked)}; allowed: a reference that begins with {own}")
        return configured
    return Value(text=asked, origin="event.targets")


def select_entries(wanted: object, items: list[TargetEntry], problems: list[str], where: str) -> list[TargetEntry]:
    """Return the items that the event names, and those that have no name; every one when it names none."""
    if wanted is None or not items:
        return items
    if not isinstance(wanted, list) or not wanted or not all(isinstance(name, str) for name in wanted):
        problems.append(f"{where} is {abbreviated_repr(wanted)}; allowed: a list of names of targets")
        return items
    known = dict.fromkeys(item.name for item in items if item.name is not None)
    problems += [
        f"{where} names {abbreviated_repr(name)}, which is no target; {did_you_mean(name, known)}"
        for name in wanted
        if name not in known
    ]
    asked = {None, *wanted}
    return [item for item in items if item.name in asked]
