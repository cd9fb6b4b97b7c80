"""Replaces what stands between two marks of a Markdown file, for sections that a program writes."""


class MarkMissingError(ValueError):
    """The file does not have the marks."""


def replaced(text: str, begin: str, end: str, content: str) -> str:
    """Return the text with `content` on the lines between the marks, or raise `MarkMissingError`."""
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise MarkMissingError(f"the file has no lines {begin} and {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"
