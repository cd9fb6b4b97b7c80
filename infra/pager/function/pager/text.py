"""Text for people: one line from untrusted text, durations, times, paragraphs of 80 columns."""

import re
import textwrap
import unicodedata
from datetime import UTC, datetime

WIDTH = 80
MAX_SUBJECT = 100
_MAX_FIELD = 300
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
# A duration is shown in the larger unit from twice its size on.
_SMALL = 2


def clean(value: object, limit: int = _MAX_FIELD) -> str:
    """Return untrusted text as one line of printable characters, links made unclickable, at most `limit` long.

    Reasons hold what an endpoint answered, and a page must not carry its control characters or links to people.
    """
    printable = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(value)[: 8 * limit])
    line = " ".join(printable.split()).replace("://", "[://]")
    return line if len(line) <= limit else f"{line[: limit - 3].rstrip()}..."


def subject_line(text: str) -> str:
    """Return text as SNS takes a subject: printable ASCII, at most 100 characters, beginning with a letter."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return clean(ascii_only, MAX_SUBJECT) or "Alarm"


def shorten(value: object, limit: int) -> str:
    """Return one clean line of at most `limit` characters."""
    return clean(value, limit)


def count_of(number: int, word: str) -> str:
    """Return a number with its noun."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    whole = max(0, round(seconds))
    if whole < _SMALL * _MINUTE_S:
        return f"{whole} s"
    if whole < _SMALL * _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < _SMALL * _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02d} min"
    return f"{whole // _DAY_S} days {whole % _DAY_S // _HOUR_S} h"


def moment(timestamp: float) -> str:
    """Return a point in time in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def paragraph(text: str, *, first: str = "", indent: str = "", breaks: bool = False) -> str:
    """Return text in lines of at most 80 columns; a link is never broken, nor another long word without `breaks`."""
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=breaks, break_on_hyphens=False
    )


def field(label: str, value: object, *, indent: str = "   ", label_width: int = 12) -> str:
    """Return a labelled value whose further lines are aligned; what is not known is a dash."""
    shown = "-" if value is None or value == "" else clean(value)
    # A word longer than a line, which only hostile text has, is broken; so the page keeps its width.
    room = WIDTH - len(indent) - label_width
    shown = re.sub(rf"(\S{{{room}}})(?=\S)", r"\1 ", shown)
    return paragraph(shown, first=f"{indent}{label:<{label_width - 1}} ", indent=" " * (len(indent) + label_width))
