"""Deploys what the demo shows: the sample authorizer, the secrets, five targets and the canary."""

import platform
from collections.abc import Mapping
from pathlib import Path

from infra.local.client.local_aws import LocalAws
from infra.local.client.stacks import DeployedStack
from infra.local.demo import demo_targets
from infra.local.demo.stage import CANARY, STACK, Stage
from infra.local.demo.stranger import add_stranger

# The template's own, in minutes, which the pager keeps by its own clock.
_SETTLE_MINUTES, _REMIND_MINUTES = 15, 240


def deploy(
    aws: LocalAws, template: Path, *, speed: float, settle_minutes: float = _SETTLE_MINUTES
) -> tuple[DeployedStack, Stage]:
    """Deploy everything; at another speed the pager's times are as much shorter as the schedule's."""
    targets = demo_targets.set_up(aws, CANARY)
    add_stranger(aws, targets)
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    parameters = {"Name": CANARY, "Targets": targets.reference, "Architecture": machine}
    pager = _pager_parameters(speed, settle_minutes)
    stack = aws.deploy(template, name=STACK, parameters={**parameters, **pager})
    return stack, Stage(client=aws.client, state=aws.server.state, authorizer_stack=demo_targets.AUTHORIZER_STACK)


def _pager_parameters(speed: float, settle_minutes: float) -> Mapping[str, str]:
    return {
        "SettleMinutes": f"{settle_minutes / speed:.4g}",
        "RemindEveryMinutes": f"{_REMIND_MINUTES / speed:.4g}",
    }
