"""What a cold start pays for: modules that a fresh interpreter loads."""

import pytest

from tests.unit.factories import REGION, document
from tests.unit.fake_aws import FakeAws
from tests.unit.handler_process import closed_port, imported, invoke

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDUNIT", "AWS_SECRET_ACCESS_KEY": "no-secret-anywhere", "AWS_REGION": REGION}
# 200 to 400 ms and 27 MB each (measured), and what only a misspelt setting needs.
DEAR = {"boto3", "botocore.session", "aws_lambda_powertools.utilities.parameters", "pydantic", "difflib"}
# What other runs need than a healthy one with the default settings.
LATE = {
    "awsiot",
    "awscrt.mqtt",
    "awscrt.websocket",
    "awscrt.crypto",
    "concurrent.futures.thread",
    "connect_canary.probe.clients.mqtt311",
    "connect_canary.probe.diagnosis",
    "encodings.idna",
    "connect_canary.model.readings",
    "html",
}
CUSTOM = {"name": "unsigned", "auth_mode": "custom-unsigned", "authorizer_password": "p"}


def test_handler_alone_loads_nothing_dear() -> None:
    """Neither boto3 nor botocore.session."""
    modules = imported("import connect_canary.handler")
    assert "connect_canary.handler" in modules
    assert not modules & DEAR


def test_connecting_without_references_loads_nothing_dear() -> None:
    """The default credential chain is the SDK's own; every mode and both versions do without."""
    static = {"auth_mode": "sigv4-static", "access_key_id": "AKID", "secret_access_key": "SECRET"}
    text = document({"name": "chain"}, {"name": "old", "mqtt_version": "3.1.1"}, {"name": "static", **static}, CUSTOM)
    with closed_port() as endpoint:
        run = invoke({**KEYS, "CANARY_ENDPOINT": endpoint, "CANARY_TARGETS": text})
    assert [target["failure"] for target in run.responses[0]["targets"]] == ["TcpRefused"] * 4
    assert not run.modules & DEAR


def test_default_run_loads_no_other_part() -> None:
    """The other MQTT client, the SDK's samples, diagnosis, authorizers' keys and international names come late."""
    with closed_port() as endpoint:
        run = invoke({**KEYS, "CANARY_ENDPOINT": endpoint.replace("127.0.0.1", "localhost")})
    assert run.responses[0]["targets"][0]["failure"] == "TcpRefused"
    assert run.modules >= {"awscrt.mqtt5", "connect_canary.probe.clients.mqtt5"}
    assert not run.modules & LATE


def test_other_client_loads_what_it_needs() -> None:
    """The test above would see it."""
    with closed_port() as endpoint:
        run = invoke({**KEYS, "CANARY_ENDPOINT": endpoint, "CANARY_MQTT_VERSION": "3.1.1"})
    assert run.modules & LATE == {"awscrt.mqtt", "connect_canary.probe.clients.mqtt311"}


def test_reference_loads_what_it_needs(aws: FakeAws) -> None:
    """The test above would see it."""
    aws.parameters = {"/id": "test-one"}
    environ = {**KEYS, "AWS_ENDPOINT_URL_SSM": aws.url, "CANARY_CLIENT_ID": "ssm:/id"}
    with closed_port() as endpoint:
        run = invoke({**environ, "CANARY_ENDPOINT": endpoint})
    assert run.responses[0]["targets"][0]["client_id"] == "test-one"
    assert run.modules >= {"boto3", "botocore.session"}


@pytest.mark.parametrize("module", ["model.failures", "model.outcome", "config.settings", "config.targets_document"])
def test_pure_module_loads_no_third_party(module: str) -> None:
    """They can be read and tested without anything installed."""
    modules = imported(f"import connect_canary.{module}")
    assert not {name for name in modules if name.split(".")[0] in {"awscrt", "awsiot", "aws_lambda_powertools"}}
