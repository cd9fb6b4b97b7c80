"""A custom authorizer that runs the script in the client's password."""

import base64
import json
import time
from typing import Any


def lambda_handler(event: dict[str, Any], _context: object) -> Any:
    """Log the event, then sleep, raise or return as the password, a JSON script, says."""
    print(json.dumps({"event": event}))
    script = json.loads(base64.b64decode(event["protocolData"]["mqtt"]["password"]))
    time.sleep(script.get("sleep_s", 0))
    if "raises" in script:
        raise RuntimeError(script["raises"])
    return script["returns"]
