"""The architecture's picture in docs/development.md is made from the imports, and is current."""

from pathlib import Path

import pytest

from infra.architecture_diagram import (
    BEGIN,
    END,
    PACKAGE,
    ArchitectureError,
    edges,
    main,
    mermaid,
    parts,
    rewritten,
    without_shortcuts,
)
from tests.template.cloudformation import ROOT

PAGE = ROOT / "docs" / "development.md"


def _package(tmp_path: Path, **sources: str) -> Path:
    """Return a package whose modules have these sources; two underscores stand for a folder."""
    package = tmp_path / "some_package"
    for name, source in {"__init__": "", **sources}.items():
        path = package / (name if name == "__init__" else name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source)
    return package


def test_page_is_current() -> None:
    """After a move, `make pictures` is due."""
    text = PAGE.read_text()
    assert rewritten(text, mermaid(PACKAGE)) == text


def test_every_part_is_drawn() -> None:
    """Every module or sub-package of the function has a node, and is connected."""
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    diagram = mermaid(PACKAGE)
    for name in names - {"__init__"}:
        assert f'{name}["' in diagram
        assert f"    {name} --> " in diagram or f" --> {name}\n" in diagram


def test_sub_package_is_one_part(tmp_path: Path) -> None:
    """What is imported anywhere in a folder, the folder imports; imports inside it are not drawn."""
    package = _package(
        tmp_path,
        model__failures="",
        probe__attempt="from some_package.model.failures import x\nimport awscrt.mqtt5",
        probe__auth__sigv4="from some_package.probe import attempt",
        handler="def run():\n    from some_package import probe",
    )
    assert mermaid(package).splitlines() == [
        "```mermaid",
        "flowchart TD",
        '    handler["<b>handler</b>"]',
        '    model["<b>model</b>"]',
        '    probe["<b>probe</b><br/>awscrt"]',
        "    handler --> probe",
        "    probe --> model",
        "```",
    ]


def test_arrow_that_follows_is_left_out() -> None:
    """A imports B, and B imports C: an import of C by A adds nothing."""
    graph = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset[str]()}
    assert without_shortcuts(graph) == {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset()}


def test_circle_is_refused(tmp_path: Path) -> None:
    """Imports that run in a circle have no order to draw."""
    package = _package(tmp_path, a="import some_package.b", b="from some_package import a")
    with pytest.raises(ArchitectureError, match=r"circle: (a -> b -> a|b -> a -> b)"):
        edges(parts(package), "some_package")


def test_relative_import_is_refused(tmp_path: Path) -> None:
    """It would be missing in the picture."""
    with pytest.raises(ArchitectureError, match=r"a\.py has a relative import in line 1"):
        parts(_package(tmp_path, a="from . import b"))


def test_written_between_the_markers(tmp_path: Path) -> None:
    """The rest of the file stays; a file without markers is refused with a sentence and 2."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert main(["--write", str(page)]) == 0
    assert page.read_text() == f"before\n{BEGIN}\n{mermaid(PACKAGE)}\n{END}\nafter\n"
    page.write_text("nothing")
    assert main(["--write", str(page)]) == 2
    assert page.read_text() == "nothing"
