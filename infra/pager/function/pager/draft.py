"""What is particular to one kind of page, and what several writers share."""

from dataclasses import dataclass

from pager.text import count_of

CRITICAL, WARNING, INFORMATION = "critical", "warning", "information"
MAX_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The particular parts of a page: subject, first sentence, sections, and the runbook's section."""

    subject: str
    first: str
    section: str
    sections: tuple[str, ...] = ()
    severity: str = CRITICAL


def share(part: int, total: int) -> str:
    """Return how many of how many targets."""
    return f"{part} of {count_of(max(part, total), 'target')}"


def fail(number: int) -> str:
    """Return the verb for so many targets."""
    return "fails" if number == 1 else "fail"
