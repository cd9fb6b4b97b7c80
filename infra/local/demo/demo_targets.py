"""Four targets, one for each way to authenticate, set up as a team would: nothing is mocked."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.client.local_aws import ACCOUNT_ID, REGION, LocalAws, create_user
from infra.local.client.process import REPOSITORY
from infra.local.client.stacks import DeployedStack

AUTHORIZER_TEMPLATE = REPOSITORY / "infra" / "authorizer" / "template.yaml"
AUTHORIZER_STACK = "sample-authorizer"
MODES = ("role", "static", "unsigned", "signed")

USERNAME = "canary"
TOKEN_KEY_NAME = "CanaryToken"  # noqa: S105 - the name of a field
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An RSA key pair in PEM that signs an authorizer's tokens."""

    private: str = field(repr=False)
    public: str

    @staticmethod
    def new() -> "SigningKey":
        """Make a new key pair."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return SigningKey(private=private.decode(), public=public.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSecrets:
    """Everything secret that the four targets need, generated; kept out of the repr."""

    password: bytes = field(default_factory=lambda: secrets.token_bytes(24), repr=False)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    signing_key: SigningKey = field(default_factory=SigningKey.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTargets:
    """Four targets of one canary, which only refer to what is secret, and the static key itself."""

    canary: str
    targets: tuple[Mapping[str, str], ...]
    static_key: Mapping[str, str] = field(repr=False)

    @property
    def reference(self) -> str:
        """What CANARY_TARGETS says to run these targets."""
        return f"ssm:/iot-connect-canary/{self.canary}/targets"


def set_up(aws: LocalAws, canary: str, demo_secrets: DemoSecrets | None = None) -> DemoTargets:
    """Deploy the sample authorizer, store the secrets and the targets document, return both."""
    demo_secrets = demo_secrets or DemoSecrets()
    authorizers = deploy_authorizer(aws, demo_secrets).outputs
    static_key = _static_key(aws, canary)
    static = _store_secret(aws, f"{canary}/static", static_key)
    custom = _store_secret(
        aws,
        f"{canary}/authorizer",
        {
            "password": "base64:" + base64.b64encode(demo_secrets.password).decode(),
            "token": demo_secrets.token,
            "signing_key": demo_secrets.signing_key.private,
        },
    )
    demo = DemoTargets(canary=canary, targets=_targets(authorizers, static, custom), static_key=static_key)
    store_targets(aws, demo.reference, demo.targets)
    return demo


def deploy_authorizer(aws: LocalAws, demo_secrets: DemoSecrets, name: str = AUTHORIZER_STACK) -> DeployedStack:
    """Deploy the sample authorizer with both ways in."""
    parameters = {
        "Username": USERNAME,
        "PasswordSha256": hashlib.sha256(demo_secrets.password).hexdigest(),
        "TokenSha256": hashlib.sha256(demo_secrets.token.encode()).hexdigest(),
        "TokenKeyName": TOKEN_KEY_NAME,
        "TokenSigningPublicKey": demo_secrets.signing_key.public,
    }
    return aws.deploy(AUTHORIZER_TEMPLATE, name=name, parameters=parameters)


def _static_key(aws: LocalAws, canary: str) -> dict[str, str]:
    resource = f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:client/test-*"
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    key = create_user(aws.client("iam"), f"{canary}-static", policy)
    return {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}


def _store_secret(aws: LocalAws, name: str, values: Mapping[str, str]) -> str:
    """Store a JSON secret in the canary's own place and return the reference to it."""
    full_name = f"iot-connect-canary/{name}"
    aws.client("secretsmanager").create_secret(Name=full_name, SecretString=json.dumps(values))
    return f"secretsmanager:{full_name}"


def store_targets(aws: LocalAws, reference: str, targets: tuple[Mapping[str, Any], ...]) -> None:
    """Write a targets document to the SSM parameter that a reference names."""
    document = json.dumps({"targets": targets})
    aws.client("ssm").put_parameter(Name=reference.removeprefix("ssm:"), Value=document, Type="String", Overwrite=True)


def _targets(authorizers: Mapping[str, str], static: str, custom: str) -> tuple[Mapping[str, str], ...]:
    role = {"name": "role", "auth_mode": "sigv4"}
    with_key = {
        "name": "static",
        "auth_mode": "sigv4-static",
        "access_key_id": f"{static}#access_key_id",
        "secret_access_key": f"{static}#secret_access_key",
    }
    unsigned = {
        "name": "unsigned",
        "auth_mode": "custom-unsigned",
        "authorizer_name": authorizers["UnsignedAuthorizerName"],
        "authorizer_username": USERNAME,
        "authorizer_password": f"{custom}#password",
    }
    signed = {
        "name": "signed",
        "auth_mode": "custom-signed",
        "authorizer_name": authorizers["SignedAuthorizerName"],
        "authorizer_token_key_name": TOKEN_KEY_NAME,
        "authorizer_token_value": f"{custom}#token",
        "authorizer_signing_key": f"{custom}#signing_key",
    }
    return role, with_key, unsigned, signed
