"""A deployed canary's log, read with the AWS credentials of this machine."""

import time

from connect_canary.config.problems import SettingsError
from connect_canary.model.frozen import frozen
from connect_canary.pages.log_reader import Budget, LogRange, LogRecords, read_log

_MAX_PAGES, _MAX_SECONDS = 5000, 300.0


class LogUnreadableError(Exception):
    """AWS does not let this machine read the log; the message is a sentence."""


@frozen
class LogSource:
    """Which log to read, how many hours of it, and with which AWS region and profile."""

    group: str
    hours: float
    region: str | None
    profile: str | None


def read_deployed_log(source: LogSource, *, now: float, region: str | None) -> LogRecords:
    """Return the attempts of the last hours; raise SettingsError or LogUnreadableError."""
    import boto3  # noqa: PLC0415 - an optional package
    from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound  # noqa: PLC0415

    end_ms = int(now * 1000)
    wanted = LogRange(group=source.group, start_ms=end_ms - int(source.hours * 3_600_000), end_ms=end_ms)
    budget = Budget(pages=_MAX_PAGES, deadline=time.monotonic() + _MAX_SECONDS)
    try:
        session = boto3.Session(region_name=region, profile_name=source.profile)
        return read_log(session.client("logs"), wanted, budget)
    except ProfileNotFound:
        raise SettingsError([f"--profile is {source.profile!r}, which the AWS configuration does not have"]) from None
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise SettingsError(
                [f"--log-group is {source.group!r}, which does not exist in {session.region_name}"]
            ) from None
        raise LogUnreadableError(f"the log cannot be read: {error}") from None
    except (BotoCoreError, ValueError) as error:
        raise LogUnreadableError(f"the log cannot be read: {error}") from None
