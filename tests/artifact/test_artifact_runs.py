"""Every auth mode and MQTT version, a dozen faults, and references, in the artifact under SAM's emulator."""

import json
from collections.abc import Callable

import pytest

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.target import AuthMode
from infra.build.check_artifact import has_bytecode
from infra.invoke.emulator import Emulator
from infra.invoke.local_endpoint import MODES
from infra.invoke.programs import built_artifact
from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION
from tests.artifact.conftest import FAULTS, settings
from tests.faulty.process import FaultyServer
from tests.template.cloudformation import read

Start = Callable[..., Emulator]


def _document(server: FaultyServer, targets: dict[str, dict[str, str]], mode: str = "sigv4") -> dict[str, str]:
    entries = [{"name": name, **entry} for name, entry in targets.items()]
    return settings(server, mode=mode) | {"CANARY_TARGETS": json.dumps({"targets": entries})}


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("mode", AuthMode)
def test_mode_is_healthy(start: Start, server: FaultyServer, mode: AuthMode, version: MqttVersion) -> None:
    """Each authenticates at a healthy endpoint, with what the artifact brings along and the runtime's Python."""
    invocation = start(settings(server, mode=mode) | {"CANARY_MQTT_VERSION": version}).invoke({})
    assert invocation.error is None, invocation.output
    (target,) = invocation.response["targets"]
    assert (target["healthy"], target["auth_mode"], target["mqtt_version"]) == (True, mode, version), invocation.output


def test_faults_are_named(start: Start, server: FaultyServer) -> None:
    """Each has its phase and its name, in one run over all of them."""
    targets = {fault: {"endpoint": f"localhost:{server.port(fault)}", "timeout_seconds": "5"} for fault in FAULTS}
    invocation = start(_document(server, targets)).invoke({})
    assert invocation.error is None, invocation.output
    found = {each["target"]: (each["phase"], each["failure"]) for each in invocation.response["targets"]}
    assert found == FAULTS


def test_metrics_and_records_are_printed(start: Start, server: FaultyServer) -> None:
    """CloudWatch reads both from the function's output."""
    invocation = start(settings(server)).invoke({})
    lines = [json.loads(line) for line in invocation.output.splitlines() if line.startswith("{")]
    assert any("ConnectSuccess" in line for line in lines if "_aws" in line)
    (record,) = [line for line in lines if line.get("message") == "connect attempt finished"]
    assert (record["healthy"], record["cold_start"]) == (True, True)
    assert record["function_request_id"] in invocation.report


def test_process_is_warm_for_the_next_event(start: Start, server: FaultyServer) -> None:
    """The second event finds the process that the first one has started."""
    emulator = start(settings(server))
    starts = [
        json.loads(line)["cold_start"]
        for invocation in (emulator.invoke({}), emulator.invoke({}))
        for line in invocation.output.splitlines()
        if '"connect attempt finished"' in line
    ]
    assert starts == [True, False]


def test_invalid_settings_are_the_functions_error(start: Start, server: FaultyServer) -> None:
    """Lambda counts them as errors, with every problem in the message."""
    invocation = start(settings(server) | {"CANARY_MQTT_VERSION": "4"}).invoke({})
    assert invocation.error is not None
    assert invocation.error.startswith("SettingsError")
    assert "CANARY_MQTT_VERSION" in invocation.error


def test_lambdas_limit(start: Start, server: FaultyServer) -> None:
    """A silent endpoint does not make the function outlast Lambda's own limit: the canary's deadline is cut to it."""
    slow = settings(server, "upgrade-silent") | {"CANARY_TIMEOUT_SECONDS": "60"}
    invocation = start(slow, timeout_s=3).invoke({})
    assert invocation.error is None, invocation.output
    assert invocation.response["targets"][0]["failure"] == "UpgradeTimedOut"


def test_reference_is_resolved(start: Start, server: FaultyServer) -> None:
    """boto3 is the runtime's, not the artifact's; the parameter is the local AWS's."""
    with LocalAws.start() as aws:
        parameter = {"Name": "/iot-connect-canary/artifact/id", "Value": "test-from-ssm", "Type": "SecureString"}
        aws.client("ssm").put_parameter(**parameter)
        environ = settings(server) | {
            "CANARY_CLIENT_ID": "ssm:/iot-connect-canary/artifact/id",
            "AWS_ENDPOINT_URL": aws.server.api_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": aws.operator.access_key_id,
            "AWS_SECRET_ACCESS_KEY": aws.operator.secret_access_key,
            "AWS_SESSION_TOKEN": "",
        }
        invocation = start(environ).invoke({})
    assert invocation.error is None, invocation.output
    assert invocation.response["targets"][0]["client_id"] == "test-from-ssm"


def test_python_is_the_runtimes(python_version: str) -> None:
    """Where this machine has the Python that Lambda runs, these tests run it, and the artifact has its bytecode."""
    runtime = read("template.yaml")["Resources"]["CanaryFunction"]["Properties"]["Runtime"]
    if has_bytecode(built_artifact()):
        assert f"python{python_version}" == runtime


def test_modes_are_all_there() -> None:
    """`make invoke-local` has settings for every auth mode."""
    assert set(MODES) == set(AuthMode)
