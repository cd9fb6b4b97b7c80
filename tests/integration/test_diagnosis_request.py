"""The diagnosis is authenticated in full, as the first request was, so that its response explains that failure."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from connect_canary.model.mqtt import MqttVersion
from tests.faulty.cases import ENVIRON, MODES, SECRETS, Case, watching
from tests.faulty.process import FaultyServer, Handler

REFUSED_UPGRADE, REFUSED_CONNECT = "http-403", "connack-5-135"
_REGION, _SERVICE = "eu-west-1", "iotdevicegateway"
_SIGV4 = ("sigv4", "sigv4-static")
_CUSTOM = tuple(mode for mode in MODES if mode not in _SIGV4)
_TOKEN = SECRETS["authorizer_token_value"]
_SIGNATURE = SECRETS["authorizer_token_signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the endpoint saw of one run: each request and each CONNECT, in their order; and the run's outcome."""

    requests: list[dict[str, Any]]
    clients: list[dict[str, Any]]
    outcome: dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """An endpoint that refuses the upgrade, and one that refuses the CONNECT."""
    with FaultyServer(REFUSED_UPGRADE, REFUSED_CONNECT) as running:
        yield running


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        yield running


def _run(server: FaultyServer, handler: Handler, case: Case) -> Seen:
    before = server.seen(case.scenario)
    target = case.target(server.port(case.scenario), server.ca_file)
    result, _ = handler.invoke(watching([target], 10), seconds=30)
    after = server.seen(case.scenario)
    new = {key: after[key][len(before[key]) :] for key in ("requests", "clients")}
    return Seen(**new, outcome=result["response"]["targets"][0])


# -- what a request carries ----------------------------------------------------------------------------------------


def _query(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of a request's query string, encoded as they travel."""
    pairs = [pair.partition("=") for pair in request["target"].partition("?")[2].split("&") if pair]
    return {name: value for name, _, value in pairs}


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")


def _expected_signature(request: Mapping[str, Any], secret_access_key: str) -> str:
    """Return the signature that AWS makes of a request (IAM user guide, "Create a signed AWS API request").

    AWS IoT leaves the session token out of it (IoT developer guide, "MQTT over WebSockets").
    """
    query = _query(request)
    signed = {name: query[name] for name in query.keys() - {"X-Amz-Signature", "X-Amz-Security-Token"}}
    canonical_query = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
    names = unquote(query["X-Amz-SignedHeaders"])
    headers = "".join(f"{name}:{request['headers'][name]}\n" for name in names.split(";"))
    path = request["target"].partition("?")[0]
    canonical = "\n".join(["GET", path, canonical_query, headers, names, hashlib.sha256(b"").hexdigest()])
    day = query["X-Amz-Date"][:8]
    scope = f"{day}/{_REGION}/{_SERVICE}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, text).hex()


def _assert_signed(request: Mapping[str, Any]) -> None:
    query = {name: unquote(value) for name, value in _query(request).items()}
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Credential"] == f"AKIDEXAMPLE/{query['X-Amz-Date'][:8]}/{_REGION}/{_SERVICE}/aws4_request"
    assert query["X-Amz-Security-Token"] == SECRETS["session_token"]
    assert "host" in query["X-Amz-SignedHeaders"].split(";")
    assert query["X-Amz-Signature"] == _expected_signature(request, SECRETS["secret_access_key"])


def _fields(seen: Seen, index: int) -> dict[str, str | None]:
    """Return the authorizer's fields of one request and its CONNECT, wherever they travel, and who it is from."""
    request = seen.requests[index]
    client = seen.clients[index] if seen.clients else {"username": "", "password": None}
    username, _, behind = (client["username"] or "").partition("?")
    pairs = _query(request) | _query({"target": f"?{behind}"}) | request["headers"]
    names = ("x-amz-customauthorizer-name", "x-amz-customauthorizer-signature", "token")
    decoded = {name: None if (value := pairs.get(name)) is None else unquote(value) for name in names}
    return {**decoded, "username": username, "password": client["password"]}


def _without_nonce(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request without the key that every WebSocket has of its own."""
    headers = {name: value for name, value in request["headers"].items() if name != "sec-websocket-key"}
    return {"target": request["target"], "headers": headers}


# -- signed with AWS credentials -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("mode", _SIGV4)
def test_diagnosis_of_refused_upgrade_is_signed(
    server: FaultyServer, handler: Handler, mode: str, version: MqttVersion
) -> None:
    """An unsigned one would be refused for that, whatever the reason of the first refusal was."""
    seen = _run(server, handler, Case(scenario=REFUSED_UPGRADE, version=version, mode=mode))
    assert len(seen.requests) == 2
    for request in seen.requests:
        _assert_signed(request)
    assert (seen.outcome["failure"], seen.outcome["http_status"]) == ("UpgradeForbidden", 403)


@pytest.mark.parametrize("mode", _SIGV4)
def test_diagnosis_of_refused_connect_is_signed(server: FaultyServer, handler: Handler, mode: str) -> None:
    """Its CONNECT goes through an upgrade that is as well signed as the first."""
    seen = _run(server, handler, Case(scenario=REFUSED_CONNECT, version=MqttVersion.V3_1_1, mode=mode))
    assert (len(seen.requests), len(seen.clients)) == (2, 2)
    for request in seen.requests:
        _assert_signed(request)
    assert (seen.outcome["failure"], seen.outcome["connack_code"]) == ("NotAuthorized", 5)


# -- a custom authorizer's fields ----------------------------------------------------------------------------------


def _expected_fields(mode: str, *, connects: bool) -> dict[str, str | None]:
    """Return what must reach the authorizer; an upgrade that is refused carries nothing of the CONNECT's."""
    signed, in_username = mode.startswith("signed"), mode in {"signed", "unsigned"}
    reaches = connects or not in_username
    return {
        "x-amz-customauthorizer-name": "faulty" if reaches else None,
        "x-amz-customauthorizer-signature": _SIGNATURE if signed and reaches else None,
        "token": _TOKEN if signed and reaches else None,
        "username": "someone" if connects else "",
        "password": SECRETS["authorizer_password"].encode().hex() if mode == "unsigned" and connects else None,
    }


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("mode", _CUSTOM)
def test_diagnosis_of_refused_upgrade_has_the_authorizers_fields(
    server: FaultyServer, handler: Handler, mode: str, version: MqttVersion
) -> None:
    """Both requests are the same but for the WebSocket's key; in headers and query they carry all fields."""
    seen = _run(server, handler, Case(scenario=REFUSED_UPGRADE, version=version, mode=mode))
    first, second = seen.requests
    assert _without_nonce(second)["target"] == _without_nonce(first)["target"]
    assert [_fields(seen, index) for index in (0, 1)] == [_expected_fields(mode, connects=False)] * 2


@pytest.mark.parametrize("mode", _CUSTOM)
def test_diagnosis_of_refused_connect_has_the_authorizers_fields(
    server: FaultyServer, handler: Handler, mode: str
) -> None:
    """User name, password and the fields, in each placement."""
    seen = _run(server, handler, Case(scenario=REFUSED_CONNECT, version=MqttVersion.V3_1_1, mode=mode))
    assert [_fields(seen, index) for index in (0, 1)] == [_expected_fields(mode, connects=True)] * 2
    assert json.dumps(_without_nonce(seen.requests[1])).count(_TOKEN) == (mode in {"signed-headers", "signed-query"})


@pytest.mark.parametrize("mode", MODES)
def test_diagnosis_has_a_client_id_like_the_first_one(server: FaultyServer, handler: Handler, mode: str) -> None:
    """The same prefix and target, so that the same policy decides, with another random suffix; the same MQTT level."""
    case = Case(scenario=REFUSED_CONNECT, version=MqttVersion.V3_1_1, mode=mode)
    seen = _run(server, handler, case)
    first, second = seen.clients
    assert first["client_id"] == seen.outcome["client_id"] != second["client_id"]
    assert [client["client_id"].rpartition("-")[0] for client in seen.clients] == [f"test-{case.name}"] * 2
    assert len(first["client_id"]) == len(second["client_id"])
    assert [(client["level"], client["clean_start"]) for client in seen.clients] == [(4, True)] * 2
