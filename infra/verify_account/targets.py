"""The targets of the check: one for each auth mode, with a user, a secret and a document in the account."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.demo.demo_targets import AUTHORIZER_TEMPLATE, TOKEN_KEY_NAME, USERNAME, DemoSecrets
from infra.verify_account.account import Account

ROLE_TARGET = "role"
_KEY_POLICY = "connect"


def deploy_authorizer(account: Account, secrets: DemoSecrets, architecture: str) -> Mapping[str, str]:
    """Deploy the sample authorizer and return its outputs."""
    parameters = {
        "Username": USERNAME,
        "PasswordSha256": hashlib.sha256(secrets.password).hexdigest(),
        "TokenSha256": hashlib.sha256(secrets.token.encode()).hexdigest(),
        "TokenKeyName": TOKEN_KEY_NAME,
        "TokenSigningPublicKey": secrets.signing_key.public,
        "Architecture": architecture,
    }
    return account.deploy(Path(AUTHORIZER_TEMPLATE), name=account.names.authorizer, parameters=parameters).outputs


def store_targets(account: Account, secrets: DemoSecrets, authorizers: Mapping[str, str]) -> str:
    """Store the secret and the targets document and return the reference to the document."""
    names = account.names
    values = {
        **_static_key(account),
        "password": "base64:" + base64.b64encode(secrets.password).decode(),
        "token": secrets.token,
        "signing_key": secrets.signing_key.private,
    }
    account.client("secretsmanager").create_secret(Name=names.secret, SecretString=json.dumps(values))
    document = json.dumps({"targets": _targets(f"secretsmanager:{names.secret}", authorizers)})
    account.client("ssm").put_parameter(Name=names.parameter, Value=document, Type="String", Overwrite=True)
    return f"ssm:{names.parameter}"


def _static_key(account: Account) -> dict[str, str]:
    iam, names = account.client("iam"), account.names
    resource = f"arn:{account.partition}:iot:{names.region}:{names.account}:client/test-*"
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_user(UserName=names.user)
    iam.put_user_policy(UserName=names.user, PolicyName=_KEY_POLICY, PolicyDocument=policy)
    key = iam.create_access_key(UserName=names.user)["AccessKey"]
    return {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}


def _targets(secret: str, authorizers: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": ROLE_TARGET, "auth_mode": "sigv4"},
        {
            "name": "static",
            "auth_mode": "sigv4-static",
            "access_key_id": f"{secret}#access_key_id",
            "secret_access_key": f"{secret}#secret_access_key",
        },
        {
            "name": "unsigned",
            "auth_mode": "custom-unsigned",
            "authorizer_name": authorizers["UnsignedAuthorizerName"],
            "authorizer_username": USERNAME,
            "authorizer_password": f"{secret}#password",
        },
        {
            "name": "signed",
            "auth_mode": "custom-signed",
            "authorizer_name": authorizers["SignedAuthorizerName"],
            "authorizer_token_key_name": TOKEN_KEY_NAME,
            "authorizer_token_value": f"{secret}#token",
            "authorizer_signing_key": f"{secret}#signing_key",
        },
    ]
