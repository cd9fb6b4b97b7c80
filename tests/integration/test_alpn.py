"""What a port decides (ALPN), read off the ClientHello."""

import json
import os
import subprocess
import sys

import pytest

from tests.faulty.isolated import is_possible, isolated
from tests.faulty.process import ROOT


@pytest.mark.skipif(not is_possible(), reason="this machine lets no ordinary user make namespaces")
def test_alpn_is_offered_on_port_443_only() -> None:
    """As the SDK's builders do it: on any other port AWS IoT would take it for another protocol."""
    command = [*isolated(network=True), sys.executable, "-m", "tests.faulty.client_hello", "443", "8443"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'function'}"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
    offered = json.loads(done.stdout)
    assert ["http/1.1"] in offered["443"]
    assert [protocols for protocols in offered["443"] if protocols not in ([], ["http/1.1"])] == []
    assert offered["8443"]
    assert [protocols for protocols in offered["8443"] if protocols] == []
