"""Targets split into shards, each with its own schedule."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import shards
from infra.local.client.local_aws import LocalAws
from tests.local.deployed import DeployedCanary, eventually

TARGETS = [{"name": f"shard-target-{number}"} for number in range(5)]


@pytest.fixture(scope="module")
def sharded(
    aws: LocalAws, canary: DeployedCanary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedCanary]:
    """The canary, with a deployed stack of shards."""
    template: Path = tmp_path_factory.mktemp("shards") / "shards.json"
    template.write_text(json.dumps(shards.template(canary.name, shards.split(TARGETS, max_targets=2))))
    outputs = {key: canary.stack.outputs[key] for key in ("FunctionName", "AlarmTopicArn")}
    aws.deploy(template, name="shards", parameters=outputs)
    yield canary
    aws.delete("shards")


def test_shard_runs_by_reference(sharded: DeployedCanary) -> None:
    """An event with a shard's reference runs the shard's targets."""
    returned = sharded.invoke({"targets": shards.reference(sharded.name, 3)})
    assert [outcome["target"] for outcome in returned["targets"]] == ["shard-target-4"]


def test_every_shard_is_scheduled(sharded: DeployedCanary) -> None:
    """The schedules run every target of every shard, and each connects."""

    def latest_successes() -> list[float] | None:
        samples = [sharded.samples("ConnectSuccess", Target=target["name"]) for target in TARGETS]
        return [values[-1] for values in samples] if all(samples) else None

    assert eventually(latest_successes) == [1] * len(TARGETS)


def test_every_shard_has_its_heartbeat(sharded: DeployedCanary) -> None:
    """Each shard's runs are counted by dimension Shard, so that a schedule that is gone shows."""

    def latest_successes() -> list[float] | None:
        samples = [sharded.samples("ConnectSuccess", Shard=f"shard-{number:03}") for number in (1, 2, 3)]
        return [values[-1] for values in samples] if all(samples) else None

    assert eventually(latest_successes) == [1] * 3
