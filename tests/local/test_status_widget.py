"""The dashboard as deployed: its body, its status widget's function on the real log, and a report of the same log."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.client.stacks import DeployedStack
from infra.local.demo import operator_env
from tests.template.cloudformation import ROOT
from tests.template.dashboard_body import problems

NAME = "drawn-canary"
# The role may not connect with the second client id.
TARGETS = {"targets": [{"name": "widget-healthy"}, {"name": "widget-failing", "client_id_prefix": "foreign-"}]}


@pytest.fixture(scope="module")
def ran(aws: LocalAws) -> Iterator[DeployedStack]:
    """A stack of its own, with two runs of a healthy and a failing target in its log."""
    parameters = {"ScheduleState": "DISABLED", "Targets": json.dumps(TARGETS)}
    stack = aws.deploy(BUILT_TEMPLATE, name=NAME, parameters=parameters)
    for _ in range(2):
        outcomes = aws.invoke(stack.resources["CanaryFunction"], {}).payload["targets"]
        assert [outcome["healthy"] for outcome in outcomes] == [True, False]
    yield stack
    # Its pager would go on looking every few seconds.
    aws.delete(NAME)


def _draw(aws: LocalAws, stack: DeployedStack, **context: Any) -> str:
    now = time.time_ns() // 1_000_000
    view = {"timeRange": {"mode": "relative", "start": now - 3_600_000, "end": now}, "width": 1200, **context}
    done = aws.invoke(stack.resources["StatusWidgetFunction"], {"widgetContext": view})
    assert not done.failed, done.payload
    assert isinstance(done.payload, str)
    return done.payload


def test_widget_draws_what_the_canary_logged(aws: LocalAws, ran: DeployedStack) -> None:
    """The function reads the real log with its own role: a strip a target, the failure and its owner as text."""
    drawn = _draw(aws, ran)
    assert drawn.startswith("<svg ")
    assert "widget-healthy" in drawn
    assert re.search(r"widget-failing, \d\d:\d\d: NotAuthorized in phase connack;", drawn)
    assert "owner: IAM team" in drawn


def test_widget_describes_itself(aws: LocalAws, ran: DeployedStack) -> None:
    """CloudWatch asks for Markdown before somebody adds the widget elsewhere."""
    done = aws.invoke(ran.resources["StatusWidgetFunction"], {"describe": True})
    assert str(done.payload).startswith("## Status of each target")


def test_widget_may_read_this_log_only(aws: LocalAws, ran: DeployedStack) -> None:
    """Without its one permission it fails with AWS's own word, so the permission is what lets it read."""
    iam = aws.client("iam")
    role = ran.resources["StatusWidgetRole"]
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["read-log"]
    document = iam.get_role_policy(RoleName=role, PolicyName="read-log")["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="read-log")
    try:
        done = aws.invoke(ran.resources["StatusWidgetFunction"], {"widgetContext": {}})
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="read-log", PolicyDocument=json.dumps(document))
    assert done.failed
    assert "AccessDenied" in str(done.payload)
    assert "FilterLogEvents" in str(done.payload)


def test_dashboard_is_stored_as_documented(aws: LocalAws, ran: DeployedStack) -> None:
    """CloudFormation replaces every variable, and what is left is JSON of the documented form."""
    name = ran.outputs["DashboardName"]
    body = aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    assert "${" not in body
    dashboard = json.loads(body)
    assert list(problems(dashboard)) == []
    (custom,) = [widget["properties"] for widget in dashboard["widgets"] if widget["type"] == "custom"]
    assert custom["endpoint"].endswith(f":function:{ran.resources['StatusWidgetFunction']}")
    (alarms,) = [widget["properties"]["alarms"] for widget in dashboard["widgets"] if widget["type"] == "alarm"]
    assert sorted(arn.rpartition(":")[2] for arn in alarms) == sorted(
        ran.resources[key] for key, kind in ran.types.items() if kind == "AWS::CloudWatch::Alarm"
    )


def test_report_of_a_deployed_canary(aws: LocalAws, ran: DeployedStack, tmp_path: Path) -> None:
    """The command line makes the page from the same log, and names a group that does not exist."""
    page = tmp_path / "page.html"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "function"), **operator_env.variables(aws)}

    def report(group: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "connect_canary", "report", "--log-group", group, "--html", str(page)]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)

    done = report(ran.outputs["LogGroupName"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "widget-failing: NotAuthorized in phase connack" in page.read_text()
    missing = report("/aws/lambda/no-such-canary")
    assert missing.returncode == 2
    assert "--log-group is '/aws/lambda/no-such-canary', which does not exist in" in missing.stderr
