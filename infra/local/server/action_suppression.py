"""The action suppressor of a composite alarm: when its actions wait, and when they are executed after all.

From the CloudWatch user guide, "Composite alarm action suppression": while the suppressor is in ALARM, actions are
suppressed; they wait for WaitPeriod seconds for the suppressor to go into ALARM, and for ExtensionPeriod seconds after
it left ALARM; then the actions of the state that the alarm is in are executed if it changed meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from infra.local.server.alarm_messages import Change

StateOf = Callable[[str], str]


class Suppression(StrEnum):
    """By what the actions of an alarm are suppressed."""

    NONE = ""
    WAIT_PERIOD = "WaitPeriod"
    EXTENSION_PERIOD = "ExtensionPeriod"
    ALARM = "Alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    change: Change
    by: Suppression
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressions:
    """The suppressors of composite alarms, by name, and the changes whose actions wait; `speed` divides periods."""

    speed: float
    settings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _held: dict[str, _Held] = field(default_factory=dict)

    def hold(self, change: Change, state_of: StateOf) -> Suppression:
        """Keep a change whose actions must wait, and return by what they are suppressed."""
        suppressor = self._suppressor(change)
        if not suppressor:
            return Suppression.NONE
        held = self._held.get(change.key[0])
        if state_of(suppressor) == "ALARM":
            kept = _Held(change=change, by=Suppression.ALARM, until=0.0)
        elif held and held.by is not Suppression.ALARM:
            kept = replace(held, change=change)
        else:
            wait = self._seconds(change, "ActionsSuppressorWaitPeriod")
            kept = _Held(change=change, by=Suppression.WAIT_PERIOD, until=change.at + wait)
        if kept.by is Suppression.WAIT_PERIOD and kept.until <= change.at:
            self._held.pop(change.key[0], None)
            return Suppression.NONE
        self._held[change.key[0]] = kept
        return kept.by

    def released(self, now: float, state_of: StateOf) -> list[Change]:
        """Return the changes that no longer wait, and forget them."""
        changes = []
        for arn, held in list(self._held.items()):
            in_alarm = state_of(self._suppressor(held.change)) == "ALARM"
            if in_alarm:
                self._held[arn] = replace(held, by=Suppression.ALARM)
            elif held.by is Suppression.ALARM:
                extension = self._seconds(held.change, "ActionsSuppressorExtensionPeriod")
                self._held[arn] = replace(held, by=Suppression.EXTENSION_PERIOD, until=now + extension)
            elif now >= held.until:
                changes.append(self._held.pop(arn).change)
        return changes

    def _suppressor(self, change: Change) -> str:
        """Return the name of an alarm's suppressor, empty for an alarm without one."""
        name = str(self.settings.get(change.alarm["AlarmName"], {}).get("ActionsSuppressor") or "")
        return name.rpartition(":alarm:")[2]

    def _seconds(self, change: Change, setting: str) -> float:
        return float(self.settings[change.alarm["AlarmName"]].get(setting) or 0) / self.speed
