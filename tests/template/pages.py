"""Reads the pages: sections, tables, links and commands of the Markdown files that people write by hand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.template.cloudformation import ROOT

# docs/faults.md and docs/measurements.md are written by programs.
GENERATED = {"docs/faults.md", "docs/measurements.md"}
_MARKDOWN = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/*.md"))
WRITTEN = tuple(sorted({str(path.relative_to(ROOT)) for path in _MARKDOWN} - GENERATED))


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file of the repository."""

    name: str

    @property
    def text(self) -> str:
        """The whole page."""
        return (ROOT / self.name).read_text()

    def section(self, heading: str) -> str:
        """Return the text below a heading, up to the next of any level."""
        _, separator, after = self.text.partition(f"\n{heading}\n")
        assert separator, f"{self.name} has no heading {heading!r}"
        return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]

    def rows(self, heading: str) -> list[list[str]]:
        """Return the cells of each row of the first table below a heading, without its head."""
        lines = self.section(heading).splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("|"))
        table = []
        for line in lines[first:]:
            if not line.startswith("|"):
                break
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        return table[2:]

    @property
    def anchors(self) -> set[str]:
        """The fragments that GitHub gives to the headings."""
        headings = re.findall(r"^#+ (.+)$", self._prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def links(self) -> list[str]:
        """The targets of all links and pictures."""
        return re.findall(r"\]\(([^)\s]+)\)", self._prose)

    @property
    def commands(self) -> Iterator[str]:
        """Each command of the code blocks for a shell, continued lines joined, and each that stands in the prose."""
        for block in re.findall(r"^```sh\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL):
            yield from re.sub(r"\\\n\s*", "", block).splitlines()
        yield from (code for code in names(self._prose) if re.match(r"make |python |\.venv", code))

    @property
    def _prose(self) -> str:
        return re.sub(r"^```.*?^```", "", self.text, flags=re.MULTILINE | re.DOTALL)


def names(text: str) -> list[str]:
    """Return what stands in backticks."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]
