"""CloudWatch Embedded Metric Format: parses log lines into metric data. Pure functions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_METRICS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDatum:
    """One metric under one set of dimensions, with every value from a log line."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    values: tuple[float, ...]
    unit: str
    timestamp: float

    def request(self) -> dict[str, Any]:
        """Return the datum as an entry of PutMetricData's MetricData."""
        return {
            "MetricName": self.name,
            "Dimensions": [{"Name": k, "Value": v} for k, v in self.dimensions.items()],
            "Values": list(self.values),
            "Counts": [1.0] * len(self.values),
            "Unit": self.unit,
            "Timestamp": self.timestamp,
        }


def metric_data(line: str) -> list[MetricDatum]:
    """Return the metrics of one log line, none unless it is an EMF document."""
    if '"_aws"' not in line:
        return []
    try:
        document = json.loads(line)
        return list(_data(document))
    except (ValueError, KeyError, TypeError, AttributeError):
        # CloudWatch ignores a malformed document and keeps its log line.
        return []


def _data(document: dict[str, Any]) -> Iterator[MetricDatum]:
    timestamp = document["_aws"]["Timestamp"] / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for definition in directive["Metrics"][:MAX_METRICS]:
            value = document[definition["Name"]]
            values = tuple(float(each) for each in (value if isinstance(value, list) else [value]))
            for keys in directive["Dimensions"]:
                yield MetricDatum(
                    namespace=directive["Namespace"],
                    name=definition["Name"],
                    dimensions={key: str(document[key]) for key in keys},
                    values=values,
                    unit=definition.get("Unit", "None"),
                    timestamp=timestamp,
                )
