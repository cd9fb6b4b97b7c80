"""The credentials of functions' roles: MiniStack derives their secrets from names that everyone may know."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from infra.local.server import ministack_patches


def install_function_credentials() -> None:
    """Give each function a secret and a token for its role that only this run of the server can derive."""
    run_key = secrets.token_bytes(32)

    def credentials(config: Mapping[str, Any]) -> dict[str, str]:
        arn, role_arn = str(config["FunctionArn"]), str(config.get("Role", ""))
        account_id, role = arn.split(":")[4], role_arn.rpartition("/")[2]
        # A function keeps its credentials while its processes come and go.
        key_id, secret, token = (
            hmac.new(run_key, f"{part}:{arn}:{role_arn}".encode(), hashlib.sha256).hexdigest()
            for part in ("key", "secret", "token")
        )
        key_id = f"ASIA{key_id[:16].upper()}"
        name = str(config.get("FunctionName", ""))[:64]
        session = {
            "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        }
        ministack_patches.REGISTER_SESSION.original()(key_id, session)
        return {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

    # The second module imports the name of the first.
    ministack_patches.WORKER_CREDENTIALS.replace(credentials)
    ministack_patches.FUNCTION_CREDENTIALS.replace(credentials)
