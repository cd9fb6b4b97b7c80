"""Draw the picture on README's first screen from real runs of the command line: `python -m tests.faulty.picture`.

The command line runs in a terminal of its own against two scenarios of the faulty endpoint; what it prints there,
colours included, becomes an SVG. Nothing in the picture is written by hand but the prompts.
"""

import argparse
import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.faulty.cases import ENVIRON
from tests.faulty.process import ROOT, FaultyServer

PICTURE = ROOT / "docs" / "pictures" / "connect.svg"
# Healthy, slowed down so that every bar can be seen; and one where the bare SDK waits for ever.
SCENARIOS = ("slow-everywhere", "upgrade-silent")
_COLUMNS = 80
_DEADLINE_S = 60
_READ_BYTES = 65536


def draw(path: Path, scenarios: Sequence[str] = SCENARIOS) -> str:
    """Write a picture of one run in each of `scenarios` to `path`, and return what it shows as text."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), highlight=False)
    with FaultyServer(*scenarios) as server:
        sessions = [_session(server, scenario) for scenario in scenarios]
    console.print(Text("\n\n").join(sessions))
    text = console.export_text(clear=False, styles=False)
    # Viewers of a picture load nothing from elsewhere, so the font would be requested in vain.
    svg = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", console.export_svg(title="connect-canary", unique_id="connect"))
    path.write_text(f"{svg.rstrip()}\n")
    return text


def _session(server: FaultyServer, scenario: str) -> Text:
    """Return the prompt with the command line, and what the command prints."""
    ca_file = Path(server.ca_file)
    arguments = ["connect", "--endpoint", f"localhost:{server.port(scenario)}", "--ca_file", ca_file.name]
    prompt = Text.assemble(("$ ", "dim"), f"connect-canary {' '.join(arguments)}", "\n")
    return prompt.append_text(Text.from_ansi(_printed(arguments, ca_file.parent)))


def _printed(arguments: Sequence[str], directory: Path) -> str:
    """Return what the command line prints to a terminal."""
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "connect_canary", *arguments],
        cwd=directory,
        env={
            **{name: value for name, value in ENVIRON.items() if name.startswith("AWS_")},
            "PYTHONPATH": str(ROOT / "function"),
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLUMNS": str(_COLUMNS),
        },
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    try:
        output = b"".join(iter(lambda: _read(ours), b""))
        process.wait(_DEADLINE_S)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return output.decode().replace("\r\n", "\n").rstrip()


def _read(descriptor: int) -> bytes:
    """Return what the terminal has next, nothing at its end."""
    try:
        return os.read(descriptor, _READ_BYTES)
    except OSError:  # Linux raises EIO when the last writer has closed
        return b""


def main() -> None:
    """Draw the picture and print what it shows."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.picture", description=__doc__)
    parser.add_argument("--write", type=Path, default=PICTURE, help="SVG file to write (default: %(default)s)")
    print(draw(parser.parse_args().write))


if __name__ == "__main__":
    main()
