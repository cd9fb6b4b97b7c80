"""Writes of targets: that connects fail, or that a client was accepted that must be refused."""

from pager.attempts import TargetState
from pager.draft import Draft, fail, share
from pager.sections import course, target_list, what_to_do
from pager.situation import Situation, failures, fitting, names, shown_attempt
from pager.text import clean


def targets(situation: Situation) -> Draft:
    """Write of targets that fail."""
    failing = situation.failing()
    if not failing:
        return _without_records(situation)
    if situation.is_own_fault:
        return _own_fault(situation, failing)
    what, count = failures(failing), share(len(failing), situation.total)
    ill = names(shown_attempt(state).target for state in failing)
    prefix = situation.prefix("ALARM")
    subject = fitting(f"{prefix} {count} {fail(len(failing))}: {what}, {ill}", f"{prefix} {count}: {what}")
    whole = len(failing) == situation.total
    if whole and situation.total > 1:
        subject = fitting(f"{prefix} clients cannot connect, {count}: {what}", f"{prefix} {count}: {what}")
    if whole:
        first = f'Clients cannot connect: {count} of canary "{situation.canary}", {what}, {course(situation)}'
    else:
        verb = "cannot be connected to" if any(state.fails_now for state in failing) else "failed lately"
        others = _others(situation.total - len(failing), situation.canary)
        first = f"{count} {verb}: {ill}, {what}, {course(situation)} {others}"
    return _by_target(situation, subject, first, failing)


def _others(number: int, canary: str) -> str:
    return (
        f"The other one of canary {canary} connects."
        if number == 1
        else f"The other {number} of canary {canary} connect."
    )


def _by_target(situation: Situation, subject: str, first: str, failing: list[TargetState]) -> Draft:
    return Draft(
        subject=subject,
        first=first,
        section=clean(shown_attempt(failing[0]).failure, 40) or situation.kind.logical_id,
        sections=(what_to_do(situation, failing), target_list(failing)),
    )


def _own_fault(situation: Situation, failing: list[TargetState]) -> Draft:
    what, count = failures(failing), share(len(failing), situation.total)
    prefix = situation.prefix("CANARY FAULT")
    first = (
        f"The canary {situation.canary} itself is at fault: {count} could not be tested, {what}, {course(situation)}"
        " Nothing is known about the endpoints, and nothing says that clients have trouble."
    )
    return _by_target(situation, f"{prefix} {count} not tested: {what}", first, failing)


def _without_records(situation: Situation) -> Draft:
    ill = names(situation.notice.targets) or "of a target"
    prefix = situation.prefix("ALARM")
    return Draft(
        subject=f"{prefix} connects fail, cause unknown: {ill}",
        first=f"Connects of canary {situation.canary} fail: {ill}, {course(situation)} The log has no failed attempt.",
        section=situation.kind.logical_id,
    )


def security(situation: Situation) -> Draft:
    """Write of a client that had to be refused and was accepted."""
    failing = situation.failing()
    count = share(len(failing), situation.total) if failing else "a target"
    let_in = names([shown_attempt(state).target for state in failing] or situation.notice.targets)
    prefix = situation.prefix("SECURITY")
    subject = fitting(
        f"{prefix} UnexpectedAccept, {count} accepted a client that must be refused: {let_in}",
        f"{prefix} UnexpectedAccept, {count} accepted a client that must be refused",
        f"{prefix} UnexpectedAccept, {count}",
    )
    first = (
        f"A client that must be refused was accepted by {count} of canary {situation.canary} ({let_in}),"
        f" {course(situation)} Somebody may have widened a policy or an authorizer: treat it as a security incident."
    )
    if not failing:
        return Draft(subject=subject, first=first, section="UnexpectedAccept")
    return _by_target(situation, subject, first, failing)
