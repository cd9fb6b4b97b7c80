"""No secret leaves the canary: not in a return value, a log, a metric or an error."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.client.stacks import DeployedStack
from tests.local.deployed import DeployedCanary

MARK = "MARKEDSECRET"
PARAMETERS = {
    "AccessKeyId": f"AKIA{MARK}",
    "SecretAccessKey": f"{MARK}-secret-key+/=",
    "SessionToken": f"{MARK}-session-token+/=",
    "AuthorizerPassword": f"{MARK}-password",
    "AuthorizerTokenValue": f"{MARK}-token&=%",
    "AuthorizerTokenSignature": base64.b64encode(f"{MARK}-signature".encode()).decode(),
}


def spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it could be written somewhere."""
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode()
    yield json.dumps(secret)[1:-1]


def traces(text: str) -> list[str]:
    """Return which secrets a text shows, in any spelling."""
    return [name for name, secret in PARAMETERS.items() if any(s in text for s in spellings(secret))]


def everything(aws: LocalAws, stack: DeployedStack, returned: list[Any]) -> str:
    """Return all that a canary printed, returned and measured, as one text."""
    logged = aws.log_messages(aws.log_group(stack.only("AWS::Lambda::Function")))
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
    """A canary whose secrets are all wrong says everything about the refusal but the secrets."""
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name=f"marked-{mode}-{placement}",
        parameters=PARAMETERS
        | {
            "ScheduleState": "DISABLED",
            "AuthMode": mode,
            "AuthorizerName": "nobody",
            "AuthorizerPlacement": placement,
            "AuthorizerTokenKeyName": "Token",
        },
    )
    function = stack.only("AWS::Lambda::Function")
    events: list[dict[str, object]] = [{}, {"dry_run": True}, {"only": ["nobody"]}]
    returned = [aws.invoke(function, event).payload for event in events]
    assert returned[0]["targets"][0]["healthy"] is False
    assert traces(everything(aws, stack, returned)) == []


def test_mistaken_settings_show_no_secret(aws: LocalAws) -> None:
    """Settings that cannot be used are named, their secrets are not."""
    stack = aws.deploy(
        BUILT_TEMPLATE,
        name="marked-mistakes",
        parameters=PARAMETERS
        | {
            "ScheduleState": "DISABLED",
            "AuthorizerPassword": f"base64:{PARAMETERS['AuthorizerPassword']}",
            "AuthorizerSigningKey": f"{MARK} is no key",
            "AuthMode": "custom-signed",
            "Targets": json.dumps({"targets": [{"name": "a", "session_token": f"{MARK}-a"}], "unknown": "x"}),
        },
    )
    invocation = aws.invoke(stack.only("AWS::Lambda::Function"), {})
    assert invocation.failed
    assert MARK not in everything(aws, stack, [invocation.payload])


def test_healthy_connect_shows_no_secret(aws: LocalAws, canary: DeployedCanary) -> None:
    """The healthy canary's own secrets show nowhere, signature and key included."""
    returned = canary.invoke({})
    text = everything(aws, canary.stack, [returned])
    body = "".join(canary.secrets.signing_key.private.splitlines()[1:-1])
    secrets = [
        canary.secrets.token,
        quote(canary.secrets.token, safe=""),
        base64.b64encode(canary.secrets.password).decode(),
        canary.demo.static_key["secret_access_key"],
        body[:40],
    ]
    assert [secret for secret in secrets if secret in text] == []
