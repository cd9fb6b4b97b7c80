"""Session fixtures: one local AWS with one deployed canary."""

from collections.abc import Iterator

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.demo.demo_targets import DemoSecrets, set_up
from tests.local.deployed import SPEED, DeployedCanary, SqsSubscriber
from tests.local.gateway import AUTHORIZER_TEMPLATE, Gateway
from tests.local.mqtt_client import MQTT_5, MQTT_311

NAME = "local-tests"


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """A running local AWS with fast schedules and alarms."""
    with LocalAws.start(speed=SPEED) as running:
        yield running


@pytest.fixture(scope="session")
def marked_secrets() -> DemoSecrets:
    """Secrets that occur in no other text."""
    return DemoSecrets(password=b"\x00\xffMARKED-password", token="MARKED-token+/=&%")


@pytest.fixture(scope="session")
def canary(aws: LocalAws, marked_secrets: DemoSecrets) -> DeployedCanary:
    """The deployed canary, with four targets and its schedule running."""
    demo = set_up(aws, NAME, marked_secrets)
    parameters = {"Name": NAME, "Targets": demo.reference}
    stack = aws.deploy(BUILT_TEMPLATE, name="canary-under-test", parameters=parameters)
    return DeployedCanary(aws=aws, name=NAME, stack=stack, demo=demo, secrets=marked_secrets)


@pytest.fixture(scope="session")
def subscriber(aws: LocalAws, canary: DeployedCanary) -> SqsSubscriber:
    """A subscriber of the canary's alarm topic."""
    return SqsSubscriber.subscribe(aws, canary.stack.resources["AlarmTopic"], "alarm-subscriber")


@pytest.fixture(scope="session")
def gateway(aws: LocalAws) -> Gateway:
    """The device gateway, with the deployed function that custom authorizers invoke."""
    stack = aws.deploy(AUTHORIZER_TEMPLATE, name="scripted-authorizer")
    return Gateway(aws=aws, function_arn=stack.outputs["FunctionArn"])


@pytest.fixture(params=[MQTT_5, MQTT_311], ids=["5", "3.1.1"])
def version(request: pytest.FixtureRequest) -> int:
    """The protocol level of MQTT 5 and of MQTT 3.1.1."""
    return int(request.param)
