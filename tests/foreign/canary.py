"""The canary as the tests of foreign servers run it: one target, one run of the real handler, one outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.cases import Case, watching
from tests.faulty.process import Handler

_DEADLINE_S = 20.0
_HANDLER_S = 60.0

# Both versions of MQTT, for tests that take `version`.
every_version = pytest.mark.parametrize("version", list(MqttVersion), ids=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The handler in a warm process, and the bundle that its targets trust."""

    handler: Handler
    ca_file: str

    def connect(
        self, port: int, *, version: MqttVersion = MqttVersion.V5, proxy: str = "", **target: object
    ) -> dict[str, Any]:
        """Return the outcome of one target on localhost, by default with a static access key and without a proxy."""
        entry = Case(scenario="healthy", version=version).target(port, self.ca_file) | {"name": "foreign"} | target
        return self._run(entry, {"HTTPS_PROXY": proxy, "NO_PROXY": ""})

    def connect_as(self, username: str, password: str, port: int, version: MqttVersion) -> dict[str, Any]:
        """Return the outcome of one target on localhost that sends a user name and a password in its CONNECT."""
        entry = {
            "name": "foreign",
            "endpoint": f"localhost:{port}",
            "ca_file": self.ca_file,
            "mqtt_version": version,
            "auth_mode": "custom-unsigned",
            "authorizer_username": username,
            "authorizer_password": password,
        }
        return self._run(entry, {"HTTPS_PROXY": ""})

    def _run(self, entry: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, Any]:
        result, _ = self.handler.invoke({**watching([entry], _DEADLINE_S), **environ}, seconds=_HANDLER_S)
        (outcome,) = result["response"]["targets"]
        return dict(outcome)
