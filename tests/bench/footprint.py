"""One cold run of the handler in a fresh process: import time, first run, peak memory. Imports nothing beforehand."""

import json
import os
import sys
import time

from tests.bench.process import peak_mb, quiet_output
from tests.bench.settings import Context


def main() -> None:
    """Print what the cold run cost; its environment configures it."""
    os.environ.update(json.load(sys.stdin))
    output = quiet_output()
    began = time.perf_counter()
    from connect_canary.handler import lambda_handler

    imported = time.perf_counter()
    answer = lambda_handler({}, Context())
    ran = time.perf_counter()
    with output:
        document = {
            "import_ms": (imported - began) * 1000,
            "run_ms": (ran - imported) * 1000,
            "peak_mb": peak_mb(),
            "healthy": answer["healthy"],
            "boto3": "boto3" in sys.modules,
        }
        json.dump(document, output)


if __name__ == "__main__":
    main()
