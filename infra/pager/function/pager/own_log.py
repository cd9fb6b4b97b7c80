"""The pager's own log: records as JSON."""

import json


def log(message: str, **keys: str) -> None:
    """Write a record."""
    print(json.dumps({"message": message, **keys}))


def log_failure(message: str, **keys: str) -> None:
    """Write a record of something that could not be done as it should."""
    log(message, level="ERROR", **keys)
