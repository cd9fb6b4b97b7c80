"""What the client of the local AWS reads: metrics, alarms, logs and what functions return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.client.local_aws import LocalAws, create_user
from infra.local.client.process import REGION


def test_metric_points(aws: LocalAws) -> None:
    """The datapoints of the last day, of these dimensions only, come oldest first with sum, count and average."""
    now = datetime.now(UTC).replace(microsecond=0)
    dimensions = [{"Name": "Letter", "Value": "a"}]
    datum: dict[str, Any] = {"MetricName": "Read", "Dimensions": dimensions}
    other = {**datum, "Dimensions": [{"Name": "Letter", "Value": "b"}], "Value": 9.0, "Timestamp": now}
    values = [(now, 4.0), (now - timedelta(hours=23), 1.0), (now, 2.0), (now - timedelta(hours=25), 8.0)]
    aws.client("cloudwatch").put_metric_data(
        Namespace="Client", MetricData=[other, *({**datum, "Timestamp": at, "Value": value} for at, value in values)]
    )
    points = aws.metric_points("Client", "Read", {"Letter": "a"})
    assert [(p["Timestamp"], p["SampleCount"], p["Sum"], p["Average"]) for p in points] == [
        (now - timedelta(hours=23), 1, 1.0, 1.0),
        (now, 2, 6.0, 3.0),
    ]


def test_alarms_by_prefix(aws: LocalAws) -> None:
    """Alarms, composite ones too, are found by the beginning of their names."""
    cloudwatch = aws.client("cloudwatch")
    alarm = {"Namespace": "Client", "MetricName": "Read", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    cloudwatch.put_metric_alarm(
        AlarmName="client-one", Threshold=1, ComparisonOperator="LessThanThreshold", TreatMissingData="ignore", **alarm
    )
    cloudwatch.put_composite_alarm(AlarmName="client-both", AlarmRule='ALARM("client-one")')
    try:
        assert aws.alarms("client-").keys() == {"client-one", "client-both"}
        assert aws.alarms("client-b")["client-both"]["AlarmRule"] == 'ALARM("client-one")'
        assert aws.alarm_states("client-").keys() == {"client-one", "client-both"}
        assert aws.alarms().keys() >= {"client-one", "client-both"}
    finally:
        for name in ("client-both", "client-one"):
            cloudwatch.delete_alarms(AlarmNames=[name])


def test_created_user_may_do_what_its_policy_says(aws: LocalAws) -> None:
    """A user has the one policy that it is made with, and nothing else is allowed."""
    statement = {"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"}
    keys = create_user(aws.client("iam"), "client-user", {"Version": "2012-10-17", "Statement": [statement]})
    assert "Topics" in aws.client("sns", keys).list_topics()
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.client("iam", keys).list_users()
    assert keys.secret_access_key not in repr(keys)


def test_bucket_of_deployments_lies_in_the_region(aws: LocalAws) -> None:
    """Templates and code are uploaded to buckets of the region."""
    buckets = aws.client("s3").list_buckets()["Buckets"]
    locations = [aws.client("s3").get_bucket_location(Bucket=bucket["Name"]) for bucket in buckets]
    # `sam deploy` makes one of its own.
    assert {location["LocationConstraint"] for location in locations} == {REGION}


def test_callers_profile_does_not_matter(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile, files and a proxy of the caller neither help nor hinder."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/none")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert "Users" in aws.client("iam", aws.operator).list_users()
