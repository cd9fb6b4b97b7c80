"""The steps of the check, in their order. Each returns a sentence of what it has seen, or raises `CheckError`."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.client.stacks import DeployedStack
from infra.local.client.topic_queue import TopicQueue
from infra.local.demo.demo_targets import DemoSecrets
from infra.verify_account.account import Account, CheckError, wait_for
from infra.verify_account.targets import ROLE_TARGET, deploy_authorizer, store_targets

# New keys, roles and authorizers take a while to be known everywhere (IAM user guide: eventual consistency).
_SETTLE_S = 120.0
# docs/operations.md: three bad runs within eight minutes, and the delay of metrics and alarms.
_PAGE_S = 900.0
_POLL_S = 5
_POLICY = "connect"
_MODES = 4


@dataclass(slots=True, kw_only=True)
class Check:
    """What the steps share: the account, what to deploy, and what has been deployed."""

    account: Account
    template: Path
    architecture: str
    secrets: DemoSecrets = field(default_factory=DemoSecrets, repr=False)
    reference: str = ""
    stack: DeployedStack | None = None
    pages: TopicQueue | None = None
    taken_policy: Any = None

    @property
    def deployed(self) -> DeployedStack:
        """The canary's stack, or `CheckError` before it is deployed."""
        if self.stack is None:
            raise CheckError("the canary is not deployed")
        return self.stack

    @property
    def subscribed(self) -> TopicQueue:
        """The queue of the pages, or `CheckError` before it is subscribed."""
        if self.pages is None:
            raise CheckError("no queue is subscribed to the pages")
        return self.pages

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """Run the canary once and return the outcomes by target."""
        return {each["target"]: each for each in self.account.invoke(self.deployed.resource("CanaryFunction"), {})}


def make_bucket(check: Check) -> str:
    """Create the bucket for code and templates."""
    names = check.account.names
    # S3 takes no location for its first region.
    location = {} if names.region == "us-east-1" else {"LocationConstraint": names.region}
    options = {"CreateBucketConfiguration": location} if location else {}
    check.account.client("s3").create_bucket(Bucket=names.bucket, **options)
    return f"bucket {names.bucket}"


def make_targets(check: Check) -> str:
    """Deploy the sample authorizer; store user, secret and targets."""
    authorizers = deploy_authorizer(check.account, check.secrets, check.architecture)
    check.reference = store_targets(check.account, check.secrets, authorizers)
    return f"stack {check.account.names.authorizer}, targets in {check.reference}"


def deploy(check: Check) -> str:
    """Deploy the canary, which runs every minute."""
    names = check.account.names
    parameters = {
        "Name": names.canary,
        "Targets": check.reference,
        "Architecture": check.architecture,
        "DashboardEnabled": "false",
        "LogRetentionDays": "1",
    }
    check.stack = check.account.deploy(check.template, name=names.canary, parameters=parameters)
    return f"stack {names.canary}, {len(check.stack.resources)} resources"


def connect(check: Check) -> str:
    """Connect in all four ways to authenticate."""
    last: dict[str, dict[str, Any]] = {}

    def all_healthy() -> bool:
        last.update(check.outcomes())
        return len(last) == _MODES and all(each["healthy"] for each in last.values())

    try:
        wait_for(all_healthy, seconds=_SETTLE_S, what="a healthy connect of every target")
    except CheckError as error:
        raise CheckError(f"{error}: {'; '.join(map(_ill, last.values()))}") from error
    return ", ".join(f"{name} {each['connect_ms']:.0f} ms" for name, each in last.items())


def _ill(outcome: dict[str, Any]) -> str:
    if outcome["healthy"]:
        return f"{outcome['target']} healthy"
    return f"{outcome['target']} {outcome['failure']}: {outcome['reason']} ({outcome['hint']})"


def subscribe(check: Check) -> str:
    """Subscribe a queue to the topic of pages."""
    names, topic = check.account.names, check.deployed.outputs["PageTopicArn"]
    check.pages = TopicQueue.subscribe(check.account.client, topic, names.queue)
    return f"queue {names.queue}"


def break_role(check: Check) -> str:
    """Take from the function's role what lets it connect, and see its target fail for that reason."""
    iam, role = check.account.client("iam"), check.deployed.resource("CanaryRole")
    check.taken_policy = iam.get_role_policy(RoleName=role, PolicyName=_POLICY)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)

    def failed() -> dict[str, Any] | None:
        outcome = check.outcomes()[ROLE_TARGET]
        return None if outcome["healthy"] else outcome

    outcome = wait_for(failed, seconds=_SETTLE_S, what="a failed connect")
    if outcome["failure"] != "NotAuthorized":
        raise CheckError(f"the failure is not NotAuthorized: {_ill(outcome)}")
    return _ill(outcome)


def wait_for_page(check: Check) -> str:
    """Wait for the page that names the target and the failure."""
    queue = check.subscribed

    def page() -> str | None:
        for body in queue.take(_POLL_S):
            if "NotAuthorized" in body["Message"] and ROLE_TARGET in body["Message"]:
                return str(body.get("Subject", "page without a subject"))
        return None

    return wait_for(page, seconds=_PAGE_S, what=f"the page about target {ROLE_TARGET}")


def mend(check: Check) -> str:
    """Give the role its permission back, and see its target connect."""
    document = json.dumps(check.taken_policy)
    role = check.deployed.resource("CanaryRole")
    check.account.client("iam").put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)
    return connect(check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step: its name, and how long it takes on AWS, estimated."""

    name: str
    minutes: float
    run: Callable[[Check], str]


STEPS: tuple[Step, ...] = (
    Step(name="make a bucket", minutes=0.1, run=make_bucket),
    Step(name="deploy the sample authorizer", minutes=1.0, run=make_targets),
    Step(name="deploy the canary", minutes=2.0, run=deploy),
    Step(name="connect in four modes", minutes=0.5, run=connect),
    Step(name="subscribe to pages", minutes=0.1, run=subscribe),
    Step(name="break the role", minutes=0.2, run=break_role),
    Step(name="be paged", minutes=5.0, run=wait_for_page),
    Step(name="mend the role", minutes=0.2, run=mend),
)
