"""Draw the pictures of the report and of the status widget from real runs: `python -m tests.faulty.report_picture`.

The command line runs against the faulty endpoint, whose targets fail and recover by a plan; what `connect --json`
prints is all that the pictures show. The page becomes a PNG where Chromium is installed.
"""

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from connect_canary.cli.report_input import read_runs
from connect_canary.pages.status_grid import grid_of_runs
from connect_canary.pages.status_strip import StripStyle, max_columns, status_strips
from connect_canary.pages.target_summary import summaries_of
from connect_canary.pages.theme import DARK
from tests.faulty.cases import ENVIRON
from tests.faulty.process import ROOT, FaultyServer

PICTURES = ROOT / "docs" / "pictures"
# Of each target, how many runs against which scenario.
PLAN: Mapping[str, Sequence[tuple[int, str]]] = {
    "prod": [(48, "healthy")],
    "prod-eu": [(48, "healthy-tls-1.2")],
    "gateway": [(26, "healthy"), (9, "connack-5-135"), (13, "healthy")],
    "custom-domain": [(41, "healthy"), (7, "certificate-expired")],
    "partner": [(8, "http-403"), (40, "healthy")],
    "plant-7": [(14, "healthy"), (2, "tcp-reset"), (17, "healthy"), (1, "tcp-reset"), (12, "healthy"), (2, "http-503")],
}
_WIDTH_PX, _MARGIN_PX, _PAGE_PX = 1100, 14, (1180, 1480)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def draw(directory: Path, plan: Mapping[str, Sequence[tuple[int, str]]] = PLAN) -> str:
    """Write status.svg and report.html, and report.png if there is a browser; return the runs as JSON."""
    results = _results(plan)
    (directory / "status.svg").write_text(f"{_status(results)}\n")
    with tempfile.TemporaryDirectory() as folder:
        printed, page = Path(folder) / "results.jsonl", Path(folder) / "report.html"
        printed.write_text(results)
        _run("report", str(printed), "--html", str(page), expected=0)
        _photograph(page, directory / "report.png")
    return results


def _results(plan: Mapping[str, Sequence[tuple[int, str]]]) -> str:
    """Return what `connect --json` prints, a line a run."""
    scenarios = {scenario for steps in plan.values() for _, scenario in steps}
    with FaultyServer(*sorted(scenarios)) as server:
        lines = [_connect(server, now, runs) for now, runs in _stretches(plan)]
    return "".join(lines)


def _stretches(plan: Mapping[str, Sequence[tuple[int, str]]]) -> Iterator[tuple[dict[str, str], int]]:
    """Yield each target's scenario, and for how many runs in a row no target changes."""
    timelines = [[scenario for runs, scenario in steps for _ in range(runs)] for steps in plan.values()]
    for scenarios, group in itertools.groupby(zip(*timelines, strict=True)):
        yield dict(zip(plan, scenarios, strict=True)), len(list(group))


def _connect(server: FaultyServer, scenarios: Mapping[str, str], runs: int) -> str:
    targets = [
        {"name": name, "endpoint": f"localhost:{server.port(scenario)}", "ca_file": server.ca_file}
        for name, scenario in scenarios.items()
    ]
    document = json.dumps({"targets": targets})
    return _run("connect", "--targets", document, "--json", "--repeat", str(runs), "--interval", "0", expected=None)


def _run(*arguments: str, expected: int | None) -> str:
    environ = {**ENVIRON, "PYTHONPATH": str(ROOT / "function")}
    command = [sys.executable, "-m", "connect_canary", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != expected and (expected is not None or done.returncode not in {0, 1}):
        raise RuntimeError(f"connect-canary ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _status(results: str) -> str:
    """Return the strips as the widget draws them on a dark dashboard, on a background of their own."""
    runs = read_runs(results, "the runs").runs
    grid = grid_of_runs(runs, max_columns=max_columns(_WIDTH_PX))
    summaries = summaries_of(record for run in runs for record in run)
    svg: str = status_strips(grid, summaries, StripStyle(width=_WIDTH_PX, theme=DARK, max_rows=60))
    height = int(re.findall(r'height="(\d+)"', svg)[0])
    x, y, width, tall = -_MARGIN_PX, -_MARGIN_PX, _WIDTH_PX + 2 * _MARGIN_PX, height + 2 * _MARGIN_PX
    place = f'width="{width}" height="{tall}"'
    svg = re.sub(r'viewBox="[^"]*" width="\d+" height="\d+"', f'viewBox="{x} {y} {width} {tall}" {place}', svg, count=1)
    return svg.replace(">", f'><rect x="{x}" y="{y}" {place} fill="{DARK.card}"/>', 1)


def _photograph(page: Path, picture: Path) -> None:
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        print(f"{picture} is left as it is: there is no Chromium (apt install chromium)", file=sys.stderr)
        return
    width, height = _PAGE_PX
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={page.parent}/browser",
    ]
    command = [browser, *flags, f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, capture_output=True, check=True, timeout=120)


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.report_picture", description=__doc__)
    parser.add_argument("--write", type=Path, default=PICTURES, help="folder to write into (default: %(default)s)")
    draw(parser.parse_args().write)


if __name__ == "__main__":
    main()
