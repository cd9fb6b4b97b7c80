"""What a page is made from: the notice, what the log says, and the words that every page shares."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pager.attempts import Attempt, Evidence, TargetState
from pager.event import AlarmMessage
from pager.incidents import began
from pager.kinds import OWN_FAULTS, UNEXPECTED_ACCEPT, Kind, Subject
from pager.notices import ALARM_ITSELF, Event, Notice
from pager.settings import Settings
from pager.text import MAX_SUBJECT, shorten

# Longer names leave no room for what happened.
_MAX_CANARY, _MAX_TARGET = 24, 40
_PREFIXES = {Event.OPENED: "{}", Event.MORE: "{} (more)", Event.REMINDER: "{} (still)", Event.RECOVERED: "OK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One notice with its evidence."""

    settings: Settings
    kind: Kind
    notice: Notice
    evidence: Evidence
    now: float
    message: AlarmMessage | None = None

    @property
    def canary(self) -> str:
        """The canary's name, short enough for a subject."""
        return shorten(self.settings.canary, _MAX_CANARY)

    @property
    def began(self) -> float:
        """When the first of the notice's incidents began."""
        return began(self.notice.incidents, self.message.at if self.message else self.now)

    @property
    def total(self) -> int:
        """How many targets the log knows."""
        return len(self.evidence.states)

    def prefix(self, label: str) -> str:
        """Return how the subject begins: what kind of page it is, and of which canary."""
        return f"{_PREFIXES[self.notice.event].format(label)} {self.canary}:"

    def failing(self) -> list[TargetState]:
        """Return the targets that the page is about, new ones first, the canary's own faults last.

        If none fails at this moment, as when one flaps, those that failed lately.
        """
        relevant = [state for state in self.evidence.states.values() if state.failed and self._is_about(state.failed)]
        now = [state for state in relevant if state.fails_now]
        return sorted(now or relevant, key=self._order)

    def _is_about(self, attempt: Attempt) -> bool:
        return (attempt.failure == UNEXPECTED_ACCEPT) is (self.kind.subject is Subject.SECURITY)

    def _order(self, state: TargetState) -> tuple[bool, bool, float, str]:
        failed = shown_attempt(state)
        old = failed.target not in self.notice.targets
        return old, failed.failure in OWN_FAULTS, -(state.failing_since or 0.0), failed.target

    @property
    def is_own_fault(self) -> bool:
        """Whether all that fails is the canary's own fault, so that nothing is known about the endpoints."""
        failing = self.failing()
        return bool(failing) and all(shown_attempt(state).failure in OWN_FAULTS for state in failing)


def shown_attempt(state: TargetState) -> Attempt:
    """Return the attempt that tells why a target fails."""
    return state.failed or state.latest


def failures(states: Iterable[TargetState]) -> str:
    """Return the most frequent failure with its phase, and how many others there are."""
    counted = Counter(named(shown_attempt(state)) for state in states).most_common()
    if not counted:
        return "cause unknown"
    others = len(counted) - 1
    return counted[0][0] + (f" and {others} more" if others else "")


def named(attempt: Attempt) -> str:
    """Return a failure and its phase."""
    return shorten(f"{attempt.failure or 'unknown'} ({attempt.phase or 'no phase'})", 60)


def names(targets: Iterable[str], most: int = 3) -> str:
    """Return some targets' names, and how many more there are."""
    every = [shorten(target, _MAX_TARGET) for target in targets if target != ALARM_ITSELF]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def fitting(*candidates: str) -> str:
    """Return the first candidate that fits into a subject, else the last."""
    return next((each for each in candidates if len(each) <= MAX_SUBJECT), candidates[-1])
