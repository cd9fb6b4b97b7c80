"""Writes of the canary itself: that it is silent, or that it fails."""

from pager.attempts import CanaryReport
from pager.draft import MAX_ROWS, Draft
from pager.sections import course
from pager.situation import Situation, fitting
from pager.text import clean, count_of, duration, field, moment, paragraph

# A refusal names user, action and resource, each by its ARN; what may be wrong stands at its end.
_MAX_PROBLEM = 600
# Subjects, longest first; what it does; what to do; evidence.
_Parts = tuple[tuple[str, ...], str, str, list[str]]


def silence(situation: Situation) -> Draft:
    """Write of a canary that is not heard of."""
    last = situation.evidence.last
    # Runs that fail write records too, also after the alarm.
    since = min(last.at, situation.began) if last else situation.began
    subject = f"{situation.prefix('CANARY SILENT')} nothing known about clients since {moment(since)}"
    first = (
        f"The canary {situation.canary} is silent since {moment(since)} ({duration(situation.now - since)}), so nobody"
        " knows whether clients can connect."
    )
    do = [
        "WHAT TO DO",
        _item("canary's owner: look whether the schedule is enabled,"),
        _item("whether the function is invoked, and throttled (dashboard, Runs and silence),"),
        _item(f"and run it once by hand: {_run_once(situation)}"),
    ]
    record = f"{moment(last.at)}: {clean(last.message)}" if last else "none in the time that was looked at"
    return Draft(
        subject=subject,
        first=first,
        section=situation.kind.logical_id,
        sections=("\n".join(do), "\n".join(["EVIDENCE", field("last record", record), *_run(situation)])),
    )


def _run_once(situation: Situation) -> str:
    return f"make invoke STACK={situation.settings.stack}"


def _run(situation: Situation) -> list[str]:
    """Return what Lambda says of the newest run that it has given up."""
    return [field("failed run", situation.evidence.run)] if situation.evidence.run else []


def errors(situation: Situation) -> Draft:
    """Write of a canary that fails itself: its settings' problems, or how its last run ended."""
    report = situation.evidence.canary
    subject, what, do, evidence = (_problems if report.problems else _last_error)(report)
    first = (
        f"The canary {situation.canary} itself is at fault: it {what}, {course(situation)} What it could not test is"
        " not known; nothing says that clients have trouble."
    )
    # What the log has says more than Lambda's record of the run.
    when = [field("logged at", moment(report.at))] if report.at else _run(situation)
    prefix = situation.prefix("CANARY FAULT")
    return Draft(
        subject=fitting(*(f"{prefix} {each}" for each in subject)),
        first=first,
        section=situation.kind.logical_id,
        sections=(
            "WHAT TO DO\n" + _item(f"canary's owner: {do}, then run it once: {_run_once(situation)}"),
            "\n".join(["EVIDENCE", *evidence, *when]),
        ),
    )


def _problems(report: CanaryReport) -> _Parts:
    count = count_of(len(report.problems), "problem")
    evidence = [_item(clean(each, _MAX_PROBLEM)) for each in report.problems[:MAX_ROWS]]
    more = len(report.problems) - MAX_ROWS
    evidence += [f" - and {count_of(more, 'more problem')}"] if more > 0 else []
    what = "cannot run as it is set"
    subject = (f"{what}: {clean(report.problems[0], 60)}", f"{what}, {count}")
    return subject, f"{what} ({count})", "mend the settings below", evidence


def _last_error(report: CanaryReport) -> _Parts:
    error = field("last error", report.error or "none found in the log")
    what = "ends its runs with an error"
    return ("its runs end with an error",), what, "read the error below, and the log around it", [error]


def _item(text: str) -> str:
    return paragraph(text, first=" - ", indent="   ", breaks=True)
