"""`make drill`: break everything in turn on a local AWS, and see which alarm rings, what is told, and the recovery."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import LocalAwsError
from infra.local.demo import report
from infra.local.demo.breaks import BREAKS, Break
from infra.local.demo.deployment import deploy
from infra.local.demo.drill_report import REPORT_MARKS, DrillResult, Times, live_lines, transcript
from infra.local.demo.pages import Page, PageInbox
from infra.local.demo.run import LOCAL_TEMPLATE
from infra.local.demo.run_log import RunLog
from infra.local.demo.stage import Stage
from infra.local.demo.view import View
from infra.local.demo.watch import Watch
from infra.marked_text import MarkMissingError, replaced

T = TypeVar("T")

SPEED = 20.0
# Short, so that the recovery is told while the drill waits for it.
SETTLE_MINUTES = 1.0
_POLL_SECONDS = 0.2
_HEALTHY_RUNS = 3
# What an alarm or a page may take, in minutes of the schedule's clock, and what the machine may take, in seconds.
_MAX_ALARM_MINUTES, _MAX_RECOVERY_MINUTES, _SLACK_SECONDS = 12.0, 210.0, 60.0


@dataclass(slots=True, kw_only=True)
class Drill:
    """A deployed canary that is broken and mended, one thing after the other."""

    stage: Stage
    watch: Watch
    speed: float

    def start(self) -> None:
        """Wait until the canary runs and is healthy."""
        self._wait(lambda: self.watch.view.runs >= _HEALTHY_RUNS or None, _MAX_ALARM_MINUTES, "no healthy run")

    def act(self, name: str) -> DrillResult:
        """Break one thing, wait for its alarm and page, and mend it."""
        each = BREAKS[name]
        since, began = len(self.watch.view.pages), time.monotonic()
        saved = each.apply(self.stage)
        self._wait(lambda: self._is(each, "ALARM"), _MAX_ALARM_MINUTES, f"{each.alarm} did not ring")
        alarm_s = time.monotonic() - began
        page = self._wait(lambda: self._page(since, each, told=True), _MAX_ALARM_MINUTES, "nobody was told")
        page_s = time.monotonic() - began
        each.mend(self.stage, saved)
        result = DrillResult(name=name, broken=each, page=page, told=Times(alarm_s=alarm_s, page_s=page_s))
        result.mended_at, result.pages_then = time.monotonic(), len(self.watch.view.pages)
        return result

    def recover(self, result: DrillResult) -> None:
        """Wait until the alarm is OK again and people are told so."""
        each, mended_at = result.broken, result.mended_at
        self._wait(lambda: self._is(each, "OK"), _MAX_RECOVERY_MINUTES, f"{each.alarm} did not become OK")
        ok_s = time.monotonic() - mended_at
        result.recovery = self._wait(
            lambda: self._page(result.pages_then, each, told=False), _MAX_ALARM_MINUTES, "no recovery was told"
        )
        result.recovered = Times(alarm_s=ok_s, page_s=time.monotonic() - mended_at)

    def _is(self, each: Break, state: str) -> bool | None:
        return any(alarm.name == each.alarm and alarm.state == state for alarm in self.watch.view.alarms) or None

    def _page(self, since: int, each: Break, *, told: bool) -> Page | None:
        """Return the first page after `since` that tells of the break, or of its recovery."""
        pages = (p for p in self.watch.view.pages[since:] if each.alarm in p.text or each.alarm in p.subject)
        return next((p for p in pages if p.is_recovery is not told), None)

    def _wait(self, find: Callable[[], T | None], minutes: float, problem: str) -> T:
        deadline = time.monotonic() + minutes * 60 / self.speed + _SLACK_SECONDS
        while time.monotonic() < deadline:
            self.watch.runs()
            self.watch.alarms()
            self.watch.pages()
            found = find()
            if found is not None:
                return found
            time.sleep(_POLL_SECONDS)
        raise LocalAwsError(f"{problem} within {minutes:.0f} minutes of the schedule's clock.")


@contextmanager
def deployed(template: Path, speed: float) -> Iterator[Drill]:
    """Run a local AWS with the deployed canary for the duration of the context."""
    with LocalAws.start(speed=speed) as aws:
        stack, stage = deploy(aws, template, speed=speed, settle_minutes=SETTLE_MINUTES)
        watch = Watch(
            aws=aws,
            stack=stack,
            log=RunLog(aws=aws, group=aws.log_group(stack.resource("CanaryFunction"))),
            inbox=PageInbox.subscribe(aws, stack.outputs["PageTopicArn"]),
            view=View(speed=speed, endpoint=aws.iot_endpoint),
        )
        yield Drill(stage=stage, watch=watch, speed=speed)


def run_drill(names: Sequence[str], template: Path, speed: float) -> list[DrillResult]:
    """Break and mend what is named, in the table's order, telling each, and return the results."""
    results, late = [], []
    with deployed(template, speed) as drill:
        drill.start()
        for name in [name for name in BREAKS if name in names]:
            _print(f"Breaking {name}: {BREAKS[name].what} ...")
            result = drill.act(name)
            results.append(result)
            _print(*live_lines(result, speed))
            if result.broken.recovers_late and name != names[-1]:
                late.append(result)
            else:
                drill.recover(result)
                _print(*live_lines(result, speed))
        for result in late:
            drill.recover(result)
            _print(*live_lines(result, speed))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill; return 0 if every break was told and its recovery too, 1 if not, 2 for invalid arguments."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--only", default="", help="names, separated by commas: " + ", ".join(BREAKS))
    parser.add_argument("--speed", type=float, default=SPEED, help=f"how many times as fast; default {SPEED:g}")
    parser.add_argument("--template", type=Path, default=LOCAL_TEMPLATE, help="built template to deploy")
    parser.add_argument("--write", type=Path, metavar="FILE", help="Markdown file that gets the transcript")
    options = parser.parse_args(arguments)
    names = [name.strip() for name in options.only.split(",") if name.strip()] or list(BREAKS)
    unknown = [name for name in names if name not in BREAKS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r} to break; there is: {', '.join(BREAKS)}")
    try:
        results = run_drill(names, options.template, options.speed)
        if options.write:
            text = transcript(results, options.speed, SETTLE_MINUTES)
            options.write.write_text(replaced(options.write.read_text(), *REPORT_MARKS, text))
    except (LocalAwsError, MarkMissingError, ClientError, BotoCoreError, OSError) as error:
        for line in report.wrap(f"make drill failed: {error}"):
            sys.stderr.write(line + "\n")
        return 1
    _print(f"{len(results)} broken, told, mended, and told again.")
    return 0


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
