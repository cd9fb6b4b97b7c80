"""Custom authorizers on the scripted function, and clients that use them."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import ACCOUNT_ID, REGION
from tests.local.mqtt_client import MQTT_5, MQTT_311, Reply, connect_packet, exchange, frame

NAME = "x-amz-customauthorizer-name"
SIGNATURE = "x-amz-customauthorizer-signature"
TOKEN_KEY = "Token"
AUTHORIZER_TEMPLATE = Path(__file__).parent / "scripted_authorizer" / "template.yaml"
ABSENT = object()

ACCEPTED = {MQTT_5: Reply(status=101, code=0), MQTT_311: Reply(status=101, code=0)}
REFUSED = {MQTT_5: Reply(status=101, code=135), MQTT_311: Reply(status=101, code=5)}
# After a denial by policy a 3.1.1 connection ends without a CONNACK, as on AWS.
DENIED = {MQTT_5: Reply(status=101, code=135), MQTT_311: Reply(status=101, code=None)}

CLIENTS = f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:client"


def policy(
    effect: str = "Allow", action: str = "iot:Connect", resource: str = f"{CLIENTS}/test-*", **condition: object
) -> str:
    """Return a policy document of one statement."""
    statement: dict[str, object] = {"Effect": effect, "Action": action, "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


RIGHT: Mapping[str, Any] = {
    "isAuthenticated": True,
    "principalId": "device1",
    "disconnectAfterInSeconds": 3600,
    "refreshAfterInSeconds": 300,
    "policyDocuments": [policy()],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The device gateway of the local AWS, and the scripted function for custom authorizers."""

    aws: LocalAws
    function_arn: str

    def create(self, *, permitted: bool = True, **request: Any) -> str:
        """Create an authorizer, by default unsigned and active, and return its name."""
        name = f"scripted-{uuid.uuid4().hex}"
        properties = {
            "authorizerFunctionArn": self.function_arn,
            "status": "ACTIVE",
            "signingDisabled": True,
            **request,
        }
        arn = self.aws.client("iot").create_authorizer(authorizerName=name, **properties)["authorizerArn"]
        if permitted:
            self.permit(SourceArn=arn)
        return name

    def permit(self, **request: str) -> None:
        """Add a statement to the function's resource policy, by default for AWS IoT to invoke it."""
        statement = {"Action": "lambda:InvokeFunction", "Principal": "iot.amazonaws.com", **request}
        self.aws.client("lambda").add_permission(
            FunctionName=self.function_arn, StatementId=uuid.uuid4().hex, **statement
        )

    def events(self, client_id: str) -> list[dict[str, Any]]:
        """Return the events that the function received for a client id, oldest first."""
        lines = self.aws.log_messages(self.aws.log_group(self.function_arn))
        events = [json.loads(line)["event"] for line in lines if line.startswith('{"event"')]
        return [event for event in events if event["protocolData"]["mqtt"]["clientId"] == client_id]

    def connect(
        self,
        fields: Mapping[str, str],
        script: Mapping[str, Any] | None = None,
        *,
        version: int = MQTT_5,
        client_id: str = "test-1",
        placement: str = "username",
    ) -> Reply:
        """Connect with the authorizer's fields in one placement; the function runs the script."""
        encoded = urlencode(fields)
        sent = connect_packet(
            version,
            client_id,
            username=f"user?{encoded}" if placement == "username" else "user",
            password=json.dumps(script or {"returns": RIGHT}).encode(),
        )
        return exchange(
            self.aws,
            frame(sent),
            query=encoded if placement == "query" else "",
            headers=fields if placement == "headers" else None,
        )


def returns(**changes: Any) -> dict[str, Any]:
    """Return the script of a valid response with some members changed."""
    return {"returns": {key: value for key, value in {**RIGHT, **changes}.items() if value is not ABSENT}}
