"""Asks the local AWS how the deployed canary is, and keeps the view of it up to date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.client.local_aws import LocalAws
from infra.local.client.stacks import DeployedStack
from infra.local.demo.pages import Page, PageInbox
from infra.local.demo.run_log import Run, RunLog
from infra.local.demo.stage import CANARY
from infra.local.demo.view import Alarm, Metrics, View

_NAMESPACE = "IoTConnectCanary"
_ALARM_TYPES = frozenset({"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"})


@dataclass(slots=True, kw_only=True)
class Watch:
    """The view, and where it comes from."""

    aws: LocalAws
    stack: DeployedStack
    log: RunLog
    inbox: PageInbox
    view: View
    is_new: bool = True

    def runs(self) -> list[Run]:
        """Return the runs since the last call, which stand in the view then."""
        self.view.now = datetime.now().astimezone()
        # What was invoked before the watch began ran a single target, which no scheduled run does.
        runs = [run for run in self.log.new_runs() if not self.is_new or len(run.outcomes) > 1]
        self.is_new = False
        for run in runs:
            self.view.add_run(run)
        return runs

    def alarms(self) -> list[tuple[Alarm, str]]:
        """Return the alarms whose state changed since the last call, each with its state before."""
        alarms = self.aws.alarms()
        return self.view.set_alarms(
            _alarm(logical_id, alarms[self.stack.resources[logical_id]])
            for logical_id, kind in self.stack.types.items()
            if kind in _ALARM_TYPES
        )

    def pages(self) -> list[Page]:
        """Return the pages since the last call."""
        pages = self.inbox.new_pages()
        self.view.pages += pages
        return pages

    def metrics(self, targets: Iterable[str]) -> None:
        """Read the metrics of targets anew."""
        for name in targets:
            self.view.targets[name].metrics = self._metrics(name)
        days = self.aws.metric_points(_NAMESPACE, "CertificateDaysLeft", {"Canary": CANARY})
        self.view.days_left = days[-1]["Minimum"] if days else None

    def _metrics(self, target: str) -> Metrics:
        dimensions = {"Canary": CANARY, "Target": target}
        success, latency = (
            self.aws.metric_points(_NAMESPACE, name, dimensions) for name in ("ConnectSuccess", "ConnectLatency")
        )
        return Metrics(
            runs=sum(point["SampleCount"] for point in success),
            healthy=sum(point["Sum"] for point in success),
            latency_ms=latency[-1]["Average"] if latency else None,
        )


def _alarm(name: str, alarm: Mapping[str, Any]) -> Alarm:
    return Alarm(
        name=name,
        state=str(alarm["StateValue"]),
        since=alarm["StateUpdatedTimestamp"],
        reason=str(alarm["StateReason"]),
    )
