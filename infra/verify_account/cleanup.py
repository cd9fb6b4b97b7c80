"""Delete everything that the check makes. It may run at any time, and any number of times."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.verify_account.account import Account, CheckError

_STACK_S = 900.0
_POLL_S = 1.0
# What the services say of something that is not there.
_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchEntityException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


def _delete_stack(account: Account, name: str) -> None:
    """Delete a stack and wait; ask again while it is there, because a creation may end after the first request."""
    cloudformation = account.client("cloudformation")
    deadline = time.monotonic() + _STACK_S
    while status := _status(account, name):
        if time.monotonic() > deadline:
            raise CheckError(f"stack {name} is {status}")
        if status != "DELETE_IN_PROGRESS":
            cloudformation.delete_stack(StackName=name)
        time.sleep(_POLL_S)


def _status(account: Account, name: str) -> str:
    """Return a stack's status, empty where there is none."""
    try:
        (stack,) = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            return ""
        raise
    return str(stack["StackStatus"]).replace("DELETE_COMPLETE", "")


def _delete_canary(account: Account) -> None:
    _delete_stack(account, account.names.canary)


def _delete_authorizer(account: Account) -> None:
    _delete_stack(account, account.names.authorizer)


def _delete_queue(account: Account) -> None:
    sqs = account.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=account.names.queue)["QueueUrl"])


def _delete_parameter(account: Account) -> None:
    account.client("ssm").delete_parameter(Name=account.names.parameter)


def _delete_secret(account: Account) -> None:
    account.client("secretsmanager").delete_secret(SecretId=account.names.secret, ForceDeleteWithoutRecovery=True)


def _delete_user(account: Account) -> None:
    iam, user = account.client("iam"), account.names.user
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName=user)["PolicyNames"]:
        iam.delete_user_policy(UserName=user, PolicyName=policy)
    iam.delete_user(UserName=user)


def _delete_bucket(account: Account) -> None:
    s3, bucket = account.client("s3"), account.names.bucket
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for key in [each["Key"] for page in pages for each in page.get("Contents", [])]:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


def _delete_logs(account: Account) -> None:
    # The stacks retain them, and a run that ended after its stack may have written once more.
    logs = account.client("logs")
    for stack in (account.names.canary, account.names.authorizer):
        # Retained ones have CloudFormation's names: on AWS and on the local AWS.
        for prefix in (f"/aws/lambda/{stack}", f"{stack}-", f"/aws/cloudformation/{stack}/"):
            pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
            for name in [each["logGroupName"] for page in pages for each in page["logGroups"]]:
                logs.delete_log_group(logGroupName=name)


# The canary first, so that it does not page about what is deleted under it; the code last.
DELETIONS: Mapping[str, Callable[[Account], None]] = {
    "canary": _delete_canary,
    "authorizer": _delete_authorizer,
    "queue": _delete_queue,
    "parameter": _delete_parameter,
    "secret": _delete_secret,
    "user": _delete_user,
    "logs": _delete_logs,
    "bucket": _delete_bucket,
}


def clean_up(account: Account) -> list[str]:
    """Delete all that is there, go on after a failure, and return a sentence for each failure."""
    failures = []
    for what, delete in DELETIONS.items():
        try:
            delete(account)
        except ClientError as error:
            details: Mapping[str, Any] = error.response.get("Error", {})
            if details.get("Code") not in _MISSING:
                failures.append(f"the {what} was not deleted: {details.get('Message', error)}")
        except (BotoCoreError, CheckError) as error:
            failures.append(f"the {what} was not deleted: {error}")
    return failures
