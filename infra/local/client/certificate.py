"""Asks the server for another certificate of its endpoint, as a load balancer gets one."""

import os
import time
from pathlib import Path

from infra.local.client.process import LocalAwsError

# The server looks for the file, and deletes it when new clients see the new certificate.
REQUEST_FILE = "renew-certificate"
_USUAL_DAYS = 825
_WAIT_SECONDS = 15.0


def renew_certificate(state: Path, *, days: int = _USUAL_DAYS) -> None:
    """Let the endpoint show a new certificate that ends in so many days, or raise `LocalAwsError`."""
    request, draft = state / REQUEST_FILE, state / f"{REQUEST_FILE}.{os.getpid()}"
    draft.write_text(str(days))
    draft.rename(request)
    deadline = time.monotonic() + _WAIT_SECONDS
    while request.exists():
        if time.monotonic() > deadline:
            raise LocalAwsError(f"The local AWS did not renew its certificate within {_WAIT_SECONDS:.0f} s.")
        time.sleep(0.1)
