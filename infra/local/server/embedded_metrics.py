"""CloudWatch Embedded Metric Format: log lines to metric data; pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_METRICS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDatum:
    """One metric under one set of dimensions, with every value of its log line."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    values: tuple[float, ...]
    unit: str
    timestamp: float

    def request(self) -> dict[str, Any]:
        """Return the datum as PutMetricData wants it."""
        return {
            "MetricName": self.name,
            "Dimensions": [{"Name": k, "Value": v} for k, v in self.dimensions.items()],
            "Values": list(self.values),
            "Counts": [1.0] * len(self.values),
            "Unit": self.unit,
            "Timestamp": self.timestamp,
        }


def metric_data(line: str) -> list[MetricDatum]:
    """Return the metrics of one log line; a line that is no EMF document has none."""
    if '"_aws"' not in line:
        return []
    try:
        document = json.loads(line)
        return list(_data(document))
    except (ValueError, KeyError, TypeError, AttributeError):
        # CloudWatch drops a malformed document silently; its log line stays.
        return []


def _data(document: dict[str, Any]) -> Iterator[MetricDatum]:
    timestamp = document["_aws"]["Timestamp"] / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for definition in directive["Metrics"][:MAX_METRICS]:
            found = document[definition["Name"]]
            values = tuple(float(value) for value in (found if isinstance(found, list) else [found]))
            for keys in directive["Dimensions"]:
                yield MetricDatum(
                    namespace=directive["Namespace"],
                    name=definition["Name"],
                    dimensions={key: str(document[key]) for key in keys},
                    values=values,
                    unit=definition.get("Unit", "None"),
                    timestamp=timestamp,
                )
