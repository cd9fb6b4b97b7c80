"""Whole pages, to the letter: what people read is what pager_examples.txt shows."""

import pytest

from tests.unit.pager_examples import FILE, examples, shown

EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_page_is_as_shown(name: str) -> None:
    """Subject, attributes and text are those of the file; write it anew after a change that is meant."""
    written = FILE.read_text()
    page = shown(name, EXAMPLES[name]())
    assert page in written


def test_file_has_no_other_pages() -> None:
    """A page that nothing makes any more would mislead."""
    assert FILE.read_text() == "\n".join(shown(name, make()) for name, make in EXAMPLES.items())
