"""Every auth mode against the local AWS: valid, and with one field wrong."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import ACCOUNT_ID
from infra.local.demo.demo_targets import AUTHORIZER_STACK, SigningKey, deploy_authorizer
from tests.local.deployed import DeployedCanary
from tests.local.targets import TargetObject, named, presigned, role, sign, signed, static, unsigned

ANY_PRINCIPAL = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        }
    ],
}
CONNECT_ANYWHERE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}


GOOD: Mapping[str, Callable[[DeployedCanary], TargetObject]] = {
    "role": lambda _canary: role(),
    "static": static,
    "unsigned-username": lambda canary: unsigned(canary) | {"authorizer_placement": "username"},
    "unsigned-headers": lambda canary: unsigned(canary) | {"authorizer_placement": "headers"},
    "unsigned-query": lambda canary: unsigned(canary) | {"authorizer_placement": "query"},
    "signed-username": lambda canary: signed(canary) | {"authorizer_placement": "username"},
    "signed-headers": lambda canary: signed(canary) | {"authorizer_placement": "headers"},
    "signed-query": lambda canary: signed(canary) | {"authorizer_placement": "query"},
    "presigned-username": lambda canary: presigned(canary) | {"authorizer_placement": "username"},
    "presigned-headers": lambda canary: presigned(canary) | {"authorizer_placement": "headers"},
    "presigned-query": lambda canary: presigned(canary) | {"authorizer_placement": "query"},
}

# One field wrong, and the failure in MQTT 5 and 3.1.1: after a policy's denial a 3.1.1 client gets no CONNACK.
WRONG: Mapping[str, tuple[Callable[[DeployedCanary], TargetObject], str, str]] = {
    "wrong-secret": (
        lambda canary: static(canary) | {"secret_access_key": "w" * 40},
        "UpgradeForbidden",
        "UpgradeForbidden",
    ),
    "unknown-key": (
        lambda canary: static(canary) | {"access_key_id": "AKIAUNKNOWNUNKNOWN00"},
        "UpgradeForbidden",
        "UpgradeForbidden",
    ),
    "wrong-session-token": (
        lambda canary: static(canary) | {"session_token": "of another session"},
        "UpgradeForbidden",
        "UpgradeForbidden",
    ),
    "wrong-region": (
        lambda _canary: role() | {"signing_region": "us-east-1"},
        "UpgradeForbidden",
        "UpgradeForbidden",
    ),
    "role-outside-prefix": (
        lambda _canary: role() | {"client_id_prefix": "other-"},
        "NotAuthorized",
        "ConnectionHungUp",
    ),
    "static-outside-prefix": (
        lambda canary: static(canary) | {"client_id_prefix": "other-"},
        "NotAuthorized",
        "ConnectionHungUp",
    ),
    "unsigned-outside-prefix": (
        lambda canary: unsigned(canary) | {"client_id_prefix": "other-"},
        "NotAuthorized",
        "ConnectionHungUp",
    ),
    "unknown-authorizer": (
        lambda canary: unsigned(canary) | {"authorizer_name": "nobody"},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "no-authorizer": (
        lambda canary: unsigned(canary) | {"authorizer_name": ""},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-password": (
        lambda canary: unsigned(canary) | {"authorizer_password": "wrong"},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-username": (
        lambda canary: unsigned(canary) | {"authorizer_username": "nobody"},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-token": (
        lambda canary: signed(canary) | {"authorizer_token_value": "wrong"},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-signature": (
        lambda canary: (
            presigned(canary)
            | {"authorizer_token_signature": sign("another token", canary.secrets.signing_key.private)}
        ),
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-signing-key": (
        lambda canary: signed(canary) | {"authorizer_signing_key": SigningKey.new().private},
        "NotAuthorized",
        "NotAuthorized",
    ),
    "wrong-token-key-name": (
        lambda canary: signed(canary) | {"authorizer_token_key_name": "AnotherName"},
        "NotAuthorized",
        "NotAuthorized",
    ),
}


@pytest.fixture(scope="module", params=["5", "3.1.1"])
def mqtt_version(request: pytest.FixtureRequest) -> str:
    """Both versions of MQTT."""
    return str(request.param)


@pytest.fixture(scope="module")
def outcomes(canary: DeployedCanary, mqtt_version: str) -> dict[str, dict[str, Any]]:
    """The outcomes of all cases, from one invocation."""
    makers = {**GOOD, **{name: make for name, (make, _, _) in WRONG.items()}}
    targets = [named(name, mqtt_version, make(canary)) for name, make in makers.items()]
    return canary.connect(*targets)


@pytest.mark.parametrize("case", GOOD)
def test_connect_with_right_credentials(case: str, mqtt_version: str, outcomes: dict[str, dict[str, Any]]) -> None:
    """Each auth mode connects, in each placement and both MQTT versions."""
    outcome = outcomes[f"{case}-{mqtt_version}"]
    assert outcome["healthy"], outcome
    assert outcome["failure"] is None
    assert outcome["connect_ms"] > 0


@pytest.mark.parametrize("case", WRONG)
def test_connect_with_one_field_wrong(case: str, mqtt_version: str, outcomes: dict[str, dict[str, Any]]) -> None:
    """One wrong field is refused, with the expected failure."""
    outcome = outcomes[f"{case}-{mqtt_version}"]
    _, of_5, of_311 = WRONG[case]
    assert not outcome["healthy"]
    assert outcome["failure"] == (of_5 if mqtt_version == "5" else of_311), outcome


def test_refused_upgrade_keeps_its_evidence(mqtt_version: str, outcomes: dict[str, dict[str, Any]]) -> None:
    """The outcome of a wrong signature has the HTTP status and the request id."""
    outcome = outcomes[f"wrong-secret-{mqtt_version}"]
    assert (outcome["phase"], outcome["http_status"]) == ("upgrade", 403)
    assert outcome["request_id"]


def test_session_token_until_it_expires(aws: LocalAws, canary: DeployedCanary) -> None:
    """Session credentials connect until they expire, and are refused with 403 afterwards."""
    iam = aws.client("iam")
    created = iam.create_role(RoleName="short-session", AssumeRolePolicyDocument=json.dumps(ANY_PRINCIPAL))
    iam.put_role_policy(RoleName="short-session", PolicyName="connect", PolicyDocument=json.dumps(CONNECT_ANYWHERE))
    session = aws.client("sts").assume_role(
        RoleArn=created["Role"]["Arn"], RoleSessionName="canary", DurationSeconds=3
    )["Credentials"]
    target = {
        "name": "session",
        "auth_mode": "sigv4-static",
        "access_key_id": session["AccessKeyId"],
        "secret_access_key": session["SecretAccessKey"],
        "session_token": session["SessionToken"],
    }
    assert canary.connect(target)["session"]["healthy"]
    time.sleep(max(0.0, session["Expiration"].timestamp() + 1 - time.time()))
    assert canary.connect(target)["session"]["failure"] == "UpgradeForbidden"


def test_no_authorizer_name_uses_the_default_one(aws: LocalAws, canary: DeployedCanary) -> None:
    """Without an authorizer name the default authorizer authenticates the client."""
    iot = aws.client("iot")
    iot.set_default_authorizer(authorizerName=f"{AUTHORIZER_STACK}-unsigned")
    try:
        targets = [named("default", version, unsigned(canary) | {"authorizer_name": ""}) for version in ("5", "3.1.1")]
        assert all(outcome["healthy"] for outcome in canary.connect(*targets).values())
    finally:
        iot.clear_default_authorizer()


def test_inactive_authorizer_refuses(aws: LocalAws, canary: DeployedCanary) -> None:
    """An INACTIVE authorizer refuses credentials that it accepts when ACTIVE."""
    iot, name = aws.client("iot"), f"{AUTHORIZER_STACK}-unsigned"
    iot.update_authorizer(authorizerName=name, status="INACTIVE")
    try:
        outcome = canary.connect(named("inactive", "5", unsigned(canary)))["inactive-5"]
    finally:
        iot.update_authorizer(authorizerName=name, status="ACTIVE")
    assert outcome["failure"] == "NotAuthorized"


def test_wrong_signature_never_reaches_the_authorizer(aws: LocalAws, canary: DeployedCanary) -> None:
    """A token with a wrong signature is refused before the authorizer's function runs."""
    stack = deploy_authorizer(aws, canary.secrets, "watched-authorizer")
    group = aws.log_group(stack.resources["AuthorizerFunction"])
    right = signed(canary) | {"authorizer_name": stack.outputs["SignedAuthorizerName"]}
    wrong = right | {"authorizer_signing_key": SigningKey.new().private}

    def runs() -> int:
        return sum(message.startswith("START") for message in aws.log_messages(group))

    assert canary.connect(named("forged", "5", wrong))["forged-5"]["failure"] == "NotAuthorized"
    assert runs() == 0
    assert canary.connect(named("genuine", "5", right))["genuine-5"]["healthy"]
    assert runs() == 1
