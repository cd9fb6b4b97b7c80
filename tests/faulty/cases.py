"""The canary in front of the faulty endpoint: scenario, MQTT version and auth mode, run by the real handler."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.phases import Phase
from connect_canary.model.target import AuthMode, AuthorizerPlacement
from tests.faulty.process import FaultyServer, Handler
from tests.faulty.scenarios import BY_ID, Expected

# Every secret that a case plants; none of them may ever be printed.
SECRETS: Mapping[str, str] = {
    "secret_access_key": "planted-secret-access-key",
    "session_token": "planted/session+token==",
    "authorizer_password": "planted-password",
    "authorizer_token_value": "planted-token-value",
    "authorizer_token_signature": "cGxhbnRlZC1zaWduYXR1cmU=",
    "proxy_password": "planted-proxy-password",
    "proxy_authorization": b64encode(b"someone:planted-proxy-password").decode(),
}
_AUTHORIZER = {"authorizer_name": "faulty", "authorizer_username": "someone"}
_SIGNED = _AUTHORIZER | {
    "authorizer_token_key_name": "token",
    "authorizer_token_value": SECRETS["authorizer_token_value"],
    "authorizer_token_signature": SECRETS["authorizer_token_signature"],
}
_MODES: Mapping[str, Mapping[str, str]] = {
    "sigv4": {"auth_mode": AuthMode.SIGV4},
    "sigv4-static": {
        "auth_mode": AuthMode.SIGV4_STATIC,
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": SECRETS["secret_access_key"],
        "session_token": SECRETS["session_token"],
    },
    "unsigned": _AUTHORIZER
    | {"auth_mode": AuthMode.CUSTOM_UNSIGNED, "authorizer_password": SECRETS["authorizer_password"]},
    "signed": _SIGNED | {"auth_mode": AuthMode.CUSTOM_SIGNED},
    "signed-headers": _SIGNED
    | {"auth_mode": AuthMode.CUSTOM_SIGNED, "authorizer_placement": AuthorizerPlacement.HEADERS},
    "signed-query": _SIGNED | {"auth_mode": AuthMode.CUSTOM_SIGNED, "authorizer_placement": AuthorizerPlacement.QUERY},
}
MODES = tuple(_MODES)
ENVIRON: Mapping[str, str] = {
    "CANARY_NAME": "faulty",
    "CANARY_SIGNING_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": SECRETS["secret_access_key"],
    "AWS_SESSION_TOKEN": SECRETS["session_token"],
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": "eu-west-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scenario in one MQTT version and one auth mode."""

    scenario: str
    version: MqttVersion
    mode: str = "sigv4-static"

    @property
    def name(self) -> str:
        """The target's name, unique per case."""
        return f"{self.scenario}-{self.version}-{self.mode}"

    @property
    def expected(self) -> Expected:
        """The outcome that the canary must report."""
        return BY_ID[self.scenario].expects(self.version)

    @property
    def pauses_s(self) -> Mapping[Phase, float]:
        """The phases that the endpoint makes slow, and how many seconds each takes at least."""
        return BY_ID[self.scenario].pauses_s

    def proxy_url(self, server: FaultyServer) -> str:
        """Return the value of HTTPS_PROXY, empty for none."""
        scenario = BY_ID[self.scenario]
        if not scenario.proxy:
            return ""
        return f"http://someone:{SECRETS['proxy_password']}@{scenario.proxy_host}:{server.port(scenario.proxy)}"

    def target(self, port: int, ca_file: str, **others: object) -> dict[str, object]:
        """Return the entry of a targets document."""
        return {
            "name": self.name,
            "endpoint": f"{BY_ID[self.scenario].host}:{port}",
            "ca_file": ca_file,
            "mqtt_version": self.version,
            **_MODES[self.mode],
            **others,
        }


def observe(
    server: FaultyServer, cases: Iterable[Case], *, deadline_s: float, concurrent: int = 1000, seconds: float = 120
) -> tuple[dict[Case, dict[str, Any]], str]:
    """Return each case's outcome, from one run of the handler per egress proxy, and everything that was printed."""
    by_proxy: dict[str, list[Case]] = {}
    for case in cases:
        by_proxy.setdefault(case.proxy_url(server), []).append(case)
    outcomes: dict[Case, dict[str, Any]] = {}
    everything = ""
    with Handler(**ENVIRON) as handler:
        for url, group in by_proxy.items():
            entries = [case.target(server.port(case.scenario), server.ca_file) for case in group]
            environ = watching(entries, deadline_s, concurrent) | {"HTTPS_PROXY": url}
            result, printed = handler.invoke(environ, seconds=seconds)
            everything += printed
            by_name = {outcome["target"]: outcome for outcome in result["response"]["targets"]}
            outcomes |= {case: by_name[case.name] for case in group}
    return outcomes, everything


def watching(entries: Sequence[Mapping[str, object]], deadline_s: float, concurrent: int = 1000) -> dict[str, str]:
    """Return the variables that configure the canary with `entries` of a targets document."""
    return {
        "CANARY_TARGETS": json.dumps({"targets": list(entries)}),
        "CANARY_TIMEOUT_SECONDS": str(deadline_s),
        "CANARY_MAX_CONCURRENT_CONNECTS": str(concurrent),
    }


def cases_of(ids: Iterable[str], modes: Sequence[str] = ("sigv4-static",)) -> list[Case]:
    """Return the cases of `ids` in each of their MQTT versions and each of `modes`."""
    return [
        Case(scenario=id_, version=version, mode=mode)
        for id_ in ids
        for version in BY_ID[id_].versions
        for mode in modes
    ]
