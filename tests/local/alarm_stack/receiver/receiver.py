"""Logs every event, and raises if the alarm that sent it is called so."""

import json
from typing import Any


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Print the event as JSON on one line; fail if it mentions `raises`."""
    print(json.dumps({"message": "event received", "event": event}))
    if "raises" in json.dumps(event):
        raise RuntimeError("told to")
