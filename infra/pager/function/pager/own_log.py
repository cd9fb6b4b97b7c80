"""The pager's own log: records as JSON, and its failures as an embedded metric, which an alarm watches."""

import json
import time

NAMESPACE, FAILURES = "IoTConnectCanary", "PageFailures"


def log(message: str, **keys: str) -> None:
    """Write a record."""
    print(json.dumps({"message": message, **keys}))


def log_failure(message: str, canary: str, **keys: str) -> None:
    """Write a record of something that people may not have been told, and count it."""
    metrics = [{"Namespace": NAMESPACE, "Dimensions": [["Canary"]], "Metrics": [{"Name": FAILURES, "Unit": "Count"}]}]
    embedded = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": metrics}}
    print(json.dumps({"message": message, "level": "ERROR", **keys, **embedded, "Canary": canary, FAILURES: 1}))
