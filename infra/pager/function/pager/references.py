"""Reads a value by reference: `ssm:/path/name`, or `secretsmanager:name-or-arn` with an optional `#key`."""

import json
from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def fetch(reference: str, client: Client) -> str:
    """Return the value; raise ValueError for a text that is no reference."""
    source, _, name = reference.partition(":")
    if source == "ssm":
        parameter = client("ssm").get_parameter(Name=name, WithDecryption=True)
        return str(parameter["Parameter"]["Value"]).strip()
    if source == "secretsmanager":
        secret, _, key = name.partition("#")
        text = str(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
        return str(json.loads(text)[key] if key else text).strip()
    raise ValueError("a webhook's address is given by reference: ssm:... or secretsmanager:...")
