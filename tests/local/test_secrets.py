"""No secret occurs in a response, a log, a metric or an error."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE, LocalAwsError
from infra.local.client.stacks import DeployedStack
from tests.local.deployed import DeployedCanary

MARK = "MARKEDSECRET"
SECRETS = {
    "AccessKeyId": f"AKIA{MARK}",
    "SecretAccessKey": f"{MARK}-secret-key+/=",
    "SessionToken": f"{MARK}-session-token+/=",
    "AuthorizerPassword": f"{MARK}-password",
    "AuthorizerTokenValue": f"{MARK}-token&=%",
    "AuthorizerTokenSignature": base64.b64encode(f"{MARK}-signature".encode()).decode(),
}


def encodings(secret: str) -> Iterator[str]:
    """Yield a secret in each encoding in which it could be written."""
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode()
    yield json.dumps(secret)[1:-1]


def leaked_secrets(text: str) -> list[str]:
    """Return the names of the secrets that a text contains in any encoding."""
    return [name for name, secret in SECRETS.items() if any(s in text for s in encodings(secret))]


def references(aws: LocalAws, canary: str, **secrets: str) -> dict[str, str]:
    """Store each secret below the canary's own prefix; return the parameters of the stack, which refer to them."""
    names = {parameter: f"/iot-connect-canary/{canary}/{parameter}" for parameter in SECRETS | secrets}
    for parameter, value in {**SECRETS, **secrets}.items():
        aws.client("ssm").put_parameter(Name=names[parameter], Value=value, Type="SecureString")
    return {parameter: f"ssm:{name}" for parameter, name in names.items()}


def all_output(aws: LocalAws, stack: DeployedStack, returned: list[Any]) -> str:
    """Return a canary's logs, responses and metrics, and the server's log, as one text."""
    logged = aws.log_messages(aws.log_group(stack.resources["CanaryFunction"]))
    metrics = aws.client("cloudwatch").list_metrics(Namespace="IoTConnectCanary")["Metrics"]
    server = (aws.server.state / "server.log").read_text()
    return "\n".join([*logged, json.dumps(metrics), json.dumps(returned), server])


@pytest.mark.parametrize(
    ("mode", "placement"),
    [
        ("sigv4-static", "username"),
        ("custom-unsigned", "username"),
        ("custom-unsigned", "headers"),
        ("custom-unsigned", "query"),
        ("custom-signed", "username"),
        ("custom-signed", "headers"),
        ("custom-signed", "query"),
    ],
)
def test_refused_connect_shows_no_secret(aws: LocalAws, mode: str, placement: str) -> None:
    """A refusal with invalid secrets is reported without them."""
    name = f"marked-{mode}-{placement}"
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name=name,
        parameters=references(aws, name)
        | {
            "ScheduleState": "DISABLED",
            "AuthMode": mode,
            "AuthorizerName": "nobody",
            "AuthorizerPlacement": placement,
            "AuthorizerTokenKeyName": "Token",
        },
    )
    function = stack.resources["CanaryFunction"]
    events: list[dict[str, object]] = [{}, {"dry_run": True}, {"only": ["nobody"]}]
    returned = [aws.invoke(function, event).payload for event in events]
    assert returned[0]["targets"][0]["healthy"] is False
    assert leaked_secrets(all_output(aws, stack, returned)) == []


def test_mistaken_settings_show_no_secret(aws: LocalAws) -> None:
    """The error of invalid settings does not contain their secrets."""
    name = "marked-mistakes"
    mistaken = {
        "AuthorizerPassword": f"base64:{SECRETS['AuthorizerPassword']}",
        "AuthorizerSigningKey": f"{MARK} is no key",
        "Targets": json.dumps({"targets": [{"name": "a", "session_token": f"{MARK}-a"}], "unknown": "x"}),
    }
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name=name,
        parameters=references(aws, name, **mistaken)
        | {
            "ScheduleState": "DISABLED",
            "AuthMode": "custom-signed",
        },
    )
    invocation = aws.invoke(stack.resources["CanaryFunction"], {})
    assert invocation.failed
    assert MARK not in all_output(aws, stack, [invocation.payload])


@pytest.mark.parametrize(
    "parameters",
    [
        {"AuthorizerPassword": f"{MARK}-password"},
        {"Targets": json.dumps({"targets": [{"name": "a", "session_token": f"{MARK}-a"}]})},
        {"HttpsProxy": f"http://user:{MARK}@proxy.test:3128"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_deployment_refuses_a_secret(aws: LocalAws, parameters: dict[str, str]) -> None:
    """A stack whose parameter is a secret is not made, and the error says what to do instead."""
    with pytest.raises(LocalAwsError, match="make secret") as caught:
        aws.deploy(BUILT_TEMPLATE, name="plain-secret", parameters=parameters)
    assert MARK not in str(caught.value)


def test_healthy_connect_shows_no_secret(aws: LocalAws, canary: DeployedCanary) -> None:
    """A healthy run reveals no secret, nor signing key."""
    returned = canary.invoke({})
    text = all_output(aws, canary.stack, [returned])
    body = "".join(canary.secrets.signing_key.private.splitlines()[1:-1])
    secrets = [
        canary.secrets.token,
        quote(canary.secrets.token, safe=""),
        base64.b64encode(canary.secrets.password).decode(),
        canary.demo.static_key["secret_access_key"],
        body[:40],
    ]
    assert [secret for secret in secrets if secret in text] == []
