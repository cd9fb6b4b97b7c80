"""`make verify-account`: check the canary on an AWS account, from deployment to deletion, in about ten minutes.

It makes two stacks, a bucket, an IAM user, a secret, a parameter and a queue, and deletes them at its end, also after a
failure or Ctrl-C. It costs a few US cents.
"""

import argparse
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.client.process import BUILT_TEMPLATE, LocalAwsError
from infra.verify_account.account import PERMISSIONS, Account, CheckError
from infra.verify_account.cleanup import clean_up
from infra.verify_account.steps import STEPS, Check

NAME = "iot-connect-canary-verify"
# It is a part of the name of a bucket too.
_NAME = re.compile(r"(?=.{1,34}$)(?=[a-z0-9])[a-z0-9-]*verify[a-z0-9-]*")
PASSED, FAILED, USAGE_ERROR = 0, 1, 2
_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGPIPE: 141}
_STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


class _StoppedError(BaseException):
    """A signal, or a reader that is gone, has asked for the end.

    No Exception: botocore would take it for a failed request, and repeat that.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = _EXIT_CODES[signal.Signals(number)]


def _stop(number: int, _frame: FrameType | None) -> None:
    # A second signal must not interrupt the clean-up.
    for each in _STOPPED_BY:
        signal.signal(each, signal.SIG_IGN)
    raise _StoppedError(number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check and return its exit code: 0 passed or skipped, 1 failed, 2 invalid arguments."""
    options = _options(arguments)
    session = boto3.Session()
    missing = _missing(options, session)
    if missing:
        _print(f"Skipped: this needs {' and '.join(missing)}; and permissions for {', '.join(PERMISSIONS)}.")
        return PASSED
    try:
        account = Account(session, options.name)
    except (ClientError, BotoCoreError) as error:
        _print(f"The account cannot be asked who you are: {error}")
        return FAILED
    if account.names.account != options.account:
        _print(f"These credentials are of account {account.names.account}, not of {options.account}.")
        return USAGE_ERROR
    for number in _STOPPED_BY:
        signal.signal(number, _stop)
    if options.cleanup_only:
        return _clean_up(account)
    return _verify(Check(account=account, template=options.template, architecture=_architecture()))


def _missing(options: argparse.Namespace, session: boto3.Session) -> list[str]:
    """Return what the check needs and does not have."""
    return [
        *([] if options.account else ["the account to use (ACCOUNT=123456789012)"]),
        *([] if session.region_name else ["a region (AWS_REGION)"]),
        *([] if session.get_credentials() else ["AWS credentials (AWS_PROFILE, or a key in the environment)"]),
    ]


def _verify(check: Check) -> int:
    names = check.account.names
    _print(f"Account {names.account}, region {names.region}, as {check.account.caller}.")
    _print(f"This takes about {sum(step.minutes for step in STEPS) + 2:.0f} minutes and costs a few US cents.")
    existing = _existing_stack(check.account)
    if existing:
        _print(f"{existing} is there already, of an earlier check: clean up first (CLEANUP=1).")
        return FAILED
    code = FAILED
    try:
        code = _run_steps(check)
    except _StoppedError as error:
        _print(f"  {error}")
        code = error.exit_code
    finally:
        try:
            cleaned = _clean_up(check.account)
        except _StoppedError:  # before signals were ignored, or at the first line that nobody reads
            cleaned = _clean_up(check.account)
    return code or cleaned


def _existing_stack(account: Account) -> str:
    for name in (account.names.canary, account.names.authorizer):
        try:
            account.client("cloudformation").describe_stacks(StackName=name)
        except ClientError:
            continue
        return f"Stack {name}"
    return ""


def _run_steps(check: Check) -> int:
    for step in STEPS:
        started = time.monotonic()
        try:
            seen = step.run(check)
        except (CheckError, LocalAwsError, ClientError, BotoCoreError) as error:
            _print(f"FAILED  {step.name}: {error}")
            return FAILED
        _print(f"ok      {step.name} ({time.monotonic() - started:.0f} s): {seen}")
    _print("The canary works on this account.")
    return PASSED


def _clean_up(account: Account) -> int:
    for number in _STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)
    _print("Cleaning up ...")
    failures = clean_up(account)
    for failure in failures:
        _print(f"FAILED  {failure}")
    _print("Try again with CLEANUP=1." if failures else "Everything is deleted.")
    return FAILED if failures else PASSED


def _architecture() -> str:
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _print(line: str) -> None:
    """Print a line at once; whoever reads no more, as `head`, stops the check, but not its clean-up."""
    try:
        print(line, flush=True)
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _StoppedError(signal.SIGPIPE) from error


def _name(text: str) -> str:
    """Return the name; what is deleted by its name must not be somebody's canary."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} has no `verify` in it, or more than 34 of a-z 0-9 -")
    return text


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make verify-account", description=__doc__)
    parser.add_argument("--account", default="", help="id of the account, so that no other is used by mistake")
    parser.add_argument("--name", type=_name, default=NAME, help="beginning of all names, with `verify` in it")
    parser.add_argument("--template", type=Path, default=BUILT_TEMPLATE, help="built template to deploy")
    parser.add_argument("--cleanup-only", action="store_true", help="only delete what an earlier check has left")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
