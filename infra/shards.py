"""Split many targets over many invocations: `python -m infra.shards targets.json --canary NAME > shards.json`.

Prints a CloudFormation template to deploy beside the canary's stack. Each shard is an SSM parameter under the canary's
own prefix, which holds a targets document, a schedule that invokes the function with a reference to it, and an alarm
that goes to ALARM when nothing is heard of the shard any more.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connect_canary.config.targets_document import TargetEntry, read_document
from infra.shard_deployment import instructions

# Size limit of a standard parameter, which is free of charge (AWS general reference, Systems Manager).
PARAMETER_CHARACTERS = 4096
TARGETS_PER_SHARD = 100
# Allowed minutes between two runs, as of the template's EveryMinutes.
PERIODS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
MINUTES_PER_HOUR = 60
# A template has at most 500 resources: three per shard, one role.
MAX_SHARDS = 166
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")

# One target as the JSON object of a document.
TargetObject = Mapping[str, Any]


class ShardsError(ValueError):
    """The document cannot be split into shards; `problems` has one sentence for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Join the sentences."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


def read_targets(text: str, origin: str) -> list[TargetObject]:
    """Return a document's targets unchanged, or raise ShardsError with every problem."""
    try:
        entries, problems = read_document(text, origin)
    except ValueError as error:
        raise ShardsError([str(error)]) from error
    problems = [*problems, *(problem for entry in entries for problem in _entry_problems(entry))]
    if problems:
        raise ShardsError(problems)
    targets: list[TargetObject] = json.loads(text)["targets"]
    return targets


def _entry_problems(entry: TargetEntry) -> Iterator[str]:
    yield from entry.problems
    for value in entry.values.values():
        if value.secret is not None:
            yield (
                f"{value.origin} is a secret in a template that many can read; "
                "allowed: a reference (ssm:... or secretsmanager:...)"
            )


def split(targets: Sequence[TargetObject], *, max_targets: int = TARGETS_PER_SHARD) -> list[list[TargetObject]]:
    """Return the targets in shards of at most `max_targets` that fit into a parameter, or raise ShardsError."""
    shards: list[list[TargetObject]] = []
    for index, target in enumerate(targets):
        if len(document([target])) > PARAMETER_CHARACTERS:
            size = f"targets[{index}] has {len(document([target]))} characters"
            raise ShardsError([f"{size}; allowed: {PARAMETER_CHARACTERS}, what a parameter holds"])
        last = shards[-1] if shards else []
        if last and len(last) < max_targets and len(document([*last, target])) <= PARAMETER_CHARACTERS:
            last.append(target)
        else:
            shards.append([target])
    if len(shards) > MAX_SHARDS:
        raise ShardsError([f"this makes {len(shards)} shards; allowed: {MAX_SHARDS}, what a template holds"])
    return shards


def document(targets: Sequence[TargetObject]) -> str:
    """Return the targets document of a shard as compact JSON."""
    return json.dumps({"targets": targets}, separators=(",", ":"))


def reference(canary: str, number: int) -> str:
    """Return the reference to a shard's document; `number` counts from 1."""
    return f"ssm:/iot-connect-canary/{canary}/{shard_name(number)}"


def schedule_expression(number: int, every: int) -> str:
    """Return a shard's schedule: every `every` minutes, each shard one minute after the previous one."""
    if every == 1:
        return "rate(1 minute)"
    minute = (number - 1) % every
    return f"cron({minute if every == MINUTES_PER_HOUR else f'{minute}/{every}'} * * * ? *)"


def shard_name(number: int) -> str:
    """Return a shard's name, its metrics' dimension Shard."""
    return f"shard-{number:03}"


def template(canary: str, shards: Sequence[Sequence[TargetObject]], *, every: int = 1) -> dict[str, Any]:
    """Return the CloudFormation template of the shards, which run every `every` minutes."""
    resources: dict[str, Any] = {"ScheduleRole": _role()}
    for number, targets in enumerate(shards, start=1):
        resources[f"Shard{number:03}Parameter"] = _parameter(reference(canary, number), document(targets))
        resources[f"Shard{number:03}Schedule"] = _schedule(reference(canary, number), number, every)
        resources[f"SilentCanaryShard{number:03}Alarm"] = silence_alarm(canary, number, every)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The targets of the IoT connect canary {canary}; schedules of their own: {len(shards)}.",
        "Parameters": _PARAMETERS,
        "Conditions": {
            "HasPermissionsBoundary": {"Fn::Not": [{"Fn::Equals": [{"Ref": "PermissionsBoundaryArn"}, ""]}]}
        },
        "Resources": resources,
    }


_PARAMETERS = {
    "FunctionName": {
        "Type": "String",
        "AllowedPattern": "^[A-Za-z0-9_-]{1,64}$",
        "ConstraintDescription": "A function's name has 1 to 64 of A-Z a-z 0-9 _ -",
        "Description": "The canary's function, output FunctionName of its stack.",
    },
    "AlarmTopicArn": {
        "Type": "String",
        "AllowedPattern": "^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$",
        "ConstraintDescription": "A topic's ARN looks like arn:aws:sns:eu-west-1:123456789012:alarms.",
        "Description": "The topic that alarms go to, output AlarmTopicArn of the canary's stack.",
    },
    "PermissionsBoundaryArn": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^(|arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+)$",
        "ConstraintDescription": "A policy's ARN looks like arn:aws:iam::123456789012:policy/boundary.",
        "Description": "Policy that is the boundary of the schedules' role. Empty sets none.",
    },
}
_FUNCTION_ARN = {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionName}"}

_GROUP_ARN = {"Fn::Sub": "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"}


def _role() -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        # A schedule's group, never the schedule (EventBridge Scheduler, cross-service-confused-deputy-prevention).
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": _GROUP_ARN}},
    }
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": _FUNCTION_ARN}
    properties = {
        "Description": "Lets the shards' schedules invoke the IoT connect canary.",
        "PermissionsBoundary": {
            "Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        },
        "AssumeRolePolicyDocument": _policy(trust),
        "Policies": [{"PolicyName": "invoke", "PolicyDocument": _policy(invoke)}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _policy(statement: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def _parameter(name: str, text: str) -> dict[str, Any]:
    properties = {"Name": name.removeprefix("ssm:"), "Type": "String", "Value": text}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties}


def _schedule(name: str, number: int, every: int) -> dict[str, Any]:
    target = {
        "Arn": _FUNCTION_ARN,
        "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
        "Input": json.dumps({"targets": name}),
        # As in the canary's own schedule: a late or repeated run is of no use.
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
    }
    properties = {
        "Description": f"Runs shard {number} of the canary.",
        "ScheduleExpression": schedule_expression(number, every),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    return {"Type": "AWS::Scheduler::Schedule", "DependsOn": f"Shard{number:03}Parameter", "Properties": properties}


def silence_alarm(canary: str, number: int, every: int) -> dict[str, Any]:
    """Return the alarm on a shard's heartbeat, which is the canary's SilentCanaryAlarm for one shard."""
    heartbeat = {"Canary": canary, "Shard": shard_name(number)}
    silent_minutes, topic = 2 * every + 1, [{"Ref": "AlarmTopicArn"}]
    properties = {
        "AlarmDescription": (
            f"Shard {shard_name(number)} of the canary {canary} is silent, so nobody knows whether clients can connect "
            "to its targets. Look whether its schedule exists and is enabled, and whether the function is throttled."
        ),
        "Metrics": [
            {"Id": "heard", "Expression": "SUM([connects, errors])", "ReturnData": True},
            _watched("connects", "IoTConnectCanary", "ConnectSuccess", heartbeat, "SampleCount"),
            # A function that fails has an alarm of its own, and is not as many more as there are shards.
            _watched("errors", "AWS/Lambda", "Errors", {"FunctionName": {"Ref": "FunctionName"}}, "Sum"),
        ],
        "EvaluationPeriods": silent_minutes,
        "DatapointsToAlarm": silent_minutes,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1,
        "TreatMissingData": "breaching",
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 2 * every + 10},
        "AlarmActions": topic,
        "OKActions": topic,
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def _watched(name: str, namespace: str, metric: str, dimensions: Mapping[str, Any], statistic: str) -> dict[str, Any]:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    measured = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": name, "MetricStat": {"Metric": measured, "Period": 60, "Stat": statistic}, "ReturnData": False}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the template, and how to deploy it on standard error; return the exit code, 2 for a problem."""
    parsed = _parser().parse_args(arguments)
    try:
        text = sys.stdin.read() if parsed.document == "-" else Path(parsed.document).read_text()
        targets = read_targets(text, parsed.document)
        shards = split(targets, max_targets=parsed.targets_per_shard)
    except OSError as error:
        print(f"infra.shards: {parsed.document} cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except (ShardsError, UnicodeDecodeError) as error:
        print(f"infra.shards: {error}", file=sys.stderr)
        return 2
    print(json.dumps(template(parsed.canary, shards, every=parsed.every), indent=2))
    lines = instructions(parsed.canary, targets, every=parsed.every, first=reference(parsed.canary, 1))
    print("\n".join([f"{len(targets)} target(s) in {len(shards)} shard(s).", *lines]), file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.shards", description=__doc__)
    parser.add_argument("document", help='a targets document, {"targets": [...]}; - reads standard input')
    parser.add_argument("--canary", type=_name, required=True, help="the canary's name, output CanaryName of its stack")
    parser.add_argument(
        "--every",
        type=_minutes,
        default=1,
        metavar="MINUTES",
        help="minutes between two runs of a target (default 1); the shards then start a minute apart",
    )
    parser.add_argument(
        "--targets-per-shard",
        type=_count,
        default=TARGETS_PER_SHARD,
        metavar="N",
        help=f"most targets per invocation (default {TARGETS_PER_SHARD})",
    )
    return parser


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 128 of A-Z a-z 0-9 _ . -")
    return text


def _minutes(text: str) -> int:
    if text not in map(str, PERIODS):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(map(str, PERIODS))}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
