"""What the canary's metrics code really prints, for outcomes of every kind."""

import contextlib
import io
import json
from typing import Final

from connect_canary import metrics
from connect_canary.failures import Failure
from connect_canary.outcome import Outcome

CANARY: Final = "stack-name"
TARGET: Final = "default"


def _outcome(failure: Failure | None) -> Outcome:
    return Outcome(
        target=TARGET,
        endpoint="host.example:443",
        auth_mode="sigv4",
        mqtt_version="5",
        client_id="test-default-5f3a9c1e",
        expect="connect",
        healthy=failure is None,
        failure=failure,
        connect_ms=None if failure else 96.1,
        certificate_days_left=213.5,
    )


def metrics_printed() -> set[tuple[str, str, frozenset[str]]]:
    """Return namespace, name and names of the dimensions of every metric that the canary prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for failure in (None, Failure.NOT_AUTHORIZED):
            metrics.emit(CANARY, _outcome(failure), cold_start=False)
    blobs = [json.loads(line)["_aws"]["CloudWatchMetrics"] for line in out.getvalue().splitlines()]
    return {
        (directive["Namespace"], metric["Name"], frozenset(dimensions))
        for blob in blobs
        for directive in blob
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }
