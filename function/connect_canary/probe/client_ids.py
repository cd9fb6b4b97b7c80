"""Client ids: one for each connect."""

import secrets

from connect_canary.model.target import SUFFIX_CHARACTERS, Target

CLIENT_ID_INTERVAL_S = 1.0  # AWS general reference, AWS IoT Core quotas: one CONNECT per second and client id


def new_client_id(target: Target) -> str:
    """Return a client id for one connect: unique, as AWS IoT disconnects the older of two clients with the same id."""
    return target.client_id or f"{target.client_id_prefix}{target.name}-{secrets.token_hex(SUFFIX_CHARACTERS // 2)}"
