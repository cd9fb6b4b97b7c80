"""The alarms of a canary's stack and of its shards, resolved for given parameters, and what its runs emit."""

from collections.abc import Mapping
from typing import Any

from connect_canary.config.settings import BY_KEY
from tests.template.alarm_histories import Schedule, history
from tests.template.alarm_simulation import Datum
from tests.template.cloudformation import canary

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mine"
ALARM = "AWS::CloudWatch::Alarm"
OF_PAGER = "NotificationsFailingAlarm"


def canary_alarms(**values: str) -> dict[str, Any]:
    """Return the alarms on the canary of its own stack; that on the pager has tests of its own."""
    return {name: alarm for name, alarm in canary(**values).of_type(ALARM).items() if name != OF_PAGER}


def stack_history(
    patterns: Mapping[str, str],
    schedule: Schedule | None = None,
    *,
    values: Mapping[str, str] | None = None,
    shard: str | None = None,
) -> list[Datum]:
    """Return the data of the stack's own canary, under the names that the stack with these parameters gives to it."""
    stack = canary(**values or {})
    environment = stack.resolve(stack.template["Resources"]["CanaryFunction"]["Properties"]["Environment"])
    name = environment["Variables"][BY_KEY["name"].variable]
    return history(patterns, canary=name, function="<CanaryFunction>", schedule=schedule or Schedule(), shard=shard)
