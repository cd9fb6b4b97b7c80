"""The local AWS itself: its endpoint, its API, its alarms, and its clean-up."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from infra.local.client import process
from infra.local.client.local_aws import AccessKey, LocalAws
from infra.local.client.process import LocalAwsError, interpreter
from infra.local.server import ministack_patches


def test_endpoint_resolves_anywhere(aws: LocalAws) -> None:
    """DescribeEndpoint returns localhost with the TLS port."""
    response = aws.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
    assert response["endpointAddress"] == aws.iot_endpoint
    assert aws.iot_endpoint.startswith("localhost:")


def test_api_refuses_unknown_credentials(aws: LocalAws) -> None:
    """The API verifies signatures: an unknown key is refused."""
    stranger = AccessKey(access_key_id="AKIASTRANGER00000000", secret_access_key="s" * 40)
    with pytest.raises(ClientError):
        aws.client("iot", stranger).list_authorizers()


COMPOSITE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: [AWS::LanguageExtensions]
Resources:
  Fn::ForEach::Each:
    - Letter
    - [A, B]
    - Alarm${Letter}:
        Type: AWS::CloudWatch::Alarm
        Properties:
          Namespace: Composite
          MetricName: Value
          Dimensions: [{Name: Letter, Value: !Ref Letter}]
          Statistic: Maximum
          Period: 60
          EvaluationPeriods: 1
          Threshold: 0
          ComparisonOperator: GreaterThanThreshold
          TreatMissingData: ignore
  Both:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties:
      AlarmName: both-letters
      AlarmRule: !Sub 'ALARM("${AlarmA}") AND NOT OK("${AlarmB}")'
"""


def test_composite_alarm_follows_its_rule(aws: LocalAws, tmp_path: Path) -> None:
    """A composite alarm follows its rule, here over alarms made by Fn::ForEach.

    The alarms ignore missing data, so the evaluator does not change the states that the test sets.
    """
    template = tmp_path / "template.yaml"
    template.write_text(COMPOSITE)
    stack = aws.deploy(template, name="composite")
    cloudwatch, a, b = aws.client("cloudwatch"), stack.resources["AlarmA"], stack.resources["AlarmB"]
    for a_state, b_state, both in (("ALARM", "ALARM", "ALARM"), ("OK", "ALARM", "OK"), ("ALARM", "OK", "OK")):
        cloudwatch.set_alarm_state(AlarmName=b, StateValue=b_state, StateReason="test")
        cloudwatch.set_alarm_state(AlarmName=a, StateValue=a_state, StateReason="test")
        assert aws.alarm_states("both-letters") == {"both-letters": both}
    aws.delete("composite")
    assert aws.alarm_states("both-letters") == {}


def test_nothing_is_left(tmp_path: Path) -> None:
    """After the context the process has ended and its directory is deleted."""
    with LocalAws.start() as running:
        state, endpoint = running.server.state, running.iot_endpoint
        assert (state / "server.log").exists()
    assert not state.exists()
    host, _, port = endpoint.partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    assert not list(tmp_path.iterdir())


def test_environment_of_its_own_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without MiniStack's environment the error says how to create it."""
    monkeypatch.setenv("LOCAL_AWS_PYTHON", str(tmp_path / "python"))
    with pytest.raises(LocalAwsError, match="Run it through make"):
        interpreter()


def test_environment_without_ministack(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment without MiniStack the error says so."""
    monkeypatch.setenv("LOCAL_AWS_PYTHON", sys.executable)
    with pytest.raises(LocalAwsError, match=r"MiniStack 1\.5\.33 is not in"), process.running_server():
        pass


def test_every_patched_name_exists(tmp_path: Path) -> None:
    """Every name in the table exists in the pinned release, and an error names a missing one."""
    script = (
        "from infra.local.server import ministack_patches; ministack_patches.require_all(); "
        "ministack_patches.GONE = ministack_patches.Patch(module='ministack.app', name='gone', purpose='a test');\n"
        "try: ministack_patches.require_all()\n"
        "except ministack_patches.PatchMissingError as error: print(error)"
    )
    ran = subprocess.run(
        [interpreter(), "-c", script],
        cwd=process.REPOSITORY,
        env=os.environ | {"STATE_DIR": str(tmp_path)},  # MiniStack writes a key where it is imported
        capture_output=True,
        text=True,
        check=True,
    )
    assert "lacks ministack.app.gone (a test)." in ran.stdout
    assert json.dumps(ministack_patches.MINISTACK_VERSION).strip('"') in ran.stdout


LOGGING = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Group:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: named-by-a-function
  Function:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "def lambda_handler(event, context): return print(event)"
      Handler: index.lambda_handler
      Runtime: python3.13
      LoggingConfig:
        LogGroup: !Ref Group
"""


def test_deleted_log_group_stays_deleted(aws: LocalAws, tmp_path: Path) -> None:
    """An execution that ends after its stack's log was deleted does not make the log again."""
    template = tmp_path / "template.yaml"
    template.write_text(LOGGING)
    function = aws.deploy(template, name="logging").resources["Function"]
    logs, group = aws.client("logs"), aws.log_group(function)
    assert not aws.invoke(function, {"said": "before"}).failed
    assert any("before" in message for message in aws.log_messages(group))
    logs.delete_log_group(logGroupName=group)
    assert not aws.invoke(function, {"said": "after"}).failed
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    aws.delete("logging")
