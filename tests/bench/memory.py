"""Bench `memory`: one cold run in a fresh process, without references and with."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION, LocalAwsError
from tests.bench.network import healthy_endpoint, loopback, measure
from tests.bench.report import Section, spread, table, verdict
from tests.bench.settings import SECRET_ACCESS_KEY, one_target

_PEAK_AT_MOST_MB = 64.0
_PARAMETER = "/iot-connect-canary/bench/secret-access-key"
_HEAD = ("one target, loopback", "peak memory, MB", "import of the handler, ms", "first run, ms")


def bench(*, rounds: int) -> Section:
    """Measure cold runs, those with references against the local AWS."""
    rows: list[Sequence[str]] = []
    notes: list[str] = []
    results: dict[str, Any] = {}
    with loopback() as place, healthy_endpoint(place) as endpoint:
        plain = one_target(endpoint, "5")
        cold = [measure(place, "tests.bench.footprint", plain) for _ in range(rounds)]
        results["without references"] = cold
        rows.append(_row("without references", cold, limit=_PEAK_AT_MOST_MB))
        try:
            with reference_settings() as settings:
                cold = [measure(place, "tests.bench.footprint", plain | settings) for _ in range(rounds)]
        except LocalAwsError as error:
            notes.append(f"Not measured: a run with references. {error}")
        else:
            results["with references"] = cold
            rows.append(_row("with a reference to SSM (boto3)", cold))
    words = f"Each of {rounds} runs in a fresh interpreter of the developer's Python, bytecode at hand."
    return Section(
        name="memory",
        title="Memory and cold start",
        body="\n\n".join([words, table(_HEAD, rows), *notes]),
        results=results,
        failed=[row[0] for row in rows if any("missed" in cell for cell in row)],
    )


@contextmanager
def reference_settings() -> Iterator[dict[str, str]]:
    """Yield settings that refer to a parameter of a local AWS; raise LocalAwsError when there is none."""
    with LocalAws.start() as aws:
        aws.client("ssm").put_parameter(Name=_PARAMETER, Value=SECRET_ACCESS_KEY, Type="SecureString")
        yield {
            "CANARY_SECRET_ACCESS_KEY": f"ssm:{_PARAMETER}",
            "AWS_ENDPOINT_URL": aws.server.api_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": aws.server.root_key_id,
            "AWS_SECRET_ACCESS_KEY": aws.server.root_secret,
        }


def _row(name: str, cold: Sequence[Mapping[str, Any]], limit: float | None = None) -> Sequence[str]:
    if not all(run["healthy"] for run in cold):
        raise RuntimeError(f"unhealthy: {cold}")
    peak = [run["peak_mb"] for run in cold]
    return (
        name,
        spread(peak) if limit is None else verdict(statistics.median(peak), limit, digits=1),
        spread([run["import_ms"] for run in cold]),
        spread([run["run_ms"] for run in cold]),
    )
