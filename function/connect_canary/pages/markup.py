"""SVG and HTML whose texts are escaped by construction: what is no `Markup` is a foreign text."""

from html import escape

MAX_TEXT_CHARACTERS = 200


class Markup(str):
    """Text that is markup already; made here only."""

    __slots__ = ()


def text(value: object, *, limit: int = MAX_TEXT_CHARACTERS) -> Markup:
    """Return a foreign text as one line of bounded length, escaped for content and attributes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)[: 4 * limit]).split())
    return Markup(escape(line if len(line) <= limit else f"{line[: limit - 1]}…"))


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """Return an element; children that are no `Markup` are escaped, and so is every attribute.

    An attribute `class_` is `class`, `text_anchor` is `text-anchor`; one whose value is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{value if isinstance(value, Markup) else text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>") if children else Markup(f"<{name}{written}/>")


def joined(*children: str) -> Markup:
    """Return the children one after the other, escaped unless they are `Markup`."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))


def number(value: float) -> str:
    """Return a coordinate or a figure without needless digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
