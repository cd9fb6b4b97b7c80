"""The pager's settings, from the environment that the template gives it."""

from collections.abc import Mapping
from dataclasses import dataclass

# How long an alarm with a state per target is collected, so that targets that fail together are one page.
COLLECT_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the template sets."""

    canary: str
    stack: str
    region: str
    partition: str
    log_group: str
    own_log_group: str
    topic: str
    alarms: tuple[str, ...] = ()
    dashboard: str = ""
    runbook: str = "docs/runbook.md"
    webhook: str = ""
    period_s: float = 60.0
    settle_s: float = 900.0
    remind_s: float = 14_400.0
    collect_s: float = COLLECT_S


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings; raise KeyError or ValueError if the environment is not the template's."""
    return Settings(
        canary=environ["PAGER_CANARY"],
        stack=environ["PAGER_STACK"],
        region=environ["AWS_REGION"],
        partition=environ["PAGER_PARTITION"],
        log_group=environ["PAGER_CANARY_LOG_GROUP"],
        own_log_group=environ["PAGER_LOG_GROUP"],
        topic=environ["PAGER_TOPIC"],
        alarms=tuple(name for name in environ["PAGER_ALARMS"].split(",") if name),
        dashboard=environ["PAGER_DASHBOARD"],
        runbook=environ["PAGER_RUNBOOK_URL"],
        webhook=environ["PAGER_PAGE_WEBHOOK_URL"],
        period_s=float(environ["PAGER_PERIOD_SECONDS"]),
        settle_s=60 * float(environ["PAGER_SETTLE_MINUTES"]),
        remind_s=60 * float(environ["PAGER_REMIND_EVERY_MINUTES"]),
        collect_s=float(environ.get("PAGER_COLLECT_SECONDS", COLLECT_S)),
    )
