"""A page: subject, text and attributes, within what SNS takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pager.text import clean, paragraph, subject_line

# In bytes of UTF-8 less than SNS's 256 KB together with the chat document, whatever the characters.
MAX_TEXT = 30_000
_CUT = "\n(The page is longer than can be sent; the log query has the rest.)\n"
Attribute = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What people are sent."""

    subject: str
    text: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def with_note(self, note: str) -> "Page":
        """Return the page with one more paragraph at its end."""
        return replace(self, text=f"{self.text.rstrip()}\n\n{paragraph(note)}\n")


def new_page(subject: str, paragraphs: list[str], attributes: Mapping[str, object]) -> Page:
    """Return a page of clean text; what is not known is a dash in the attributes, which cannot be empty."""
    text = "\n\n".join(each.strip("\n") for each in paragraphs if each) + "\n"
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - len(_CUT)].rpartition("\n")[0] + _CUT
    shown = {name: value if isinstance(value, int) else clean(value, 200) or "-" for name, value in attributes.items()}
    return Page(subject=subject_line(subject), text=text, attributes=shown)
