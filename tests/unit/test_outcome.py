"""Outcome: data, and the dict that is returned and logged."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connect_canary.model.addresses import AddressResult
from connect_canary.model.certificate import Certificate
from connect_canary.model.failures import Failure
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.outcome import Outcome
from connect_canary.model.phases import Phase
from connect_canary.model.target import AuthMode, Expect
from connect_canary.model.tcp_info import TcpInfo
from tests.unit.factories import outcome_of

INTERFACE = """
target endpoint auth_mode mqtt_version client_id expect healthy phase failure reason owner hint connect_ms
disconnect_ms elapsed_ms phases_ms certificate_days_left http_status connack_code request_id error_name
clock_skew_s
"""
OURS = {"certificate", "confirmed", "secrets_refreshed", "addresses", "network"}


def test_outcome_has_the_keys_of_the_interface() -> None:
    """Users query logs and return values by them."""
    assert set(outcome_of().as_dict()) == set(INTERFACE.split()) | OURS


def test_outcome_unknown_values_are_null() -> None:
    """What is not known is null, never invented."""
    document = outcome_of(client_id="", connect_ms=None, disconnect_ms=None, certificate_days_left=None).as_dict()
    assert {key for key, value in document.items() if value is None} == {
        *("client_id", "phase", "failure", "reason", "owner", "hint", "connect_ms", "disconnect_ms"),
        *("certificate_days_left", "certificate", "http_status", "connack_code", "request_id", "error_name", "network"),
        *("clock_skew_s", "confirmed"),
    }


def test_outcome_of_which_nothing_is_known() -> None:
    """Every key is there: null, nothing or no."""
    document = Outcome(
        target="t", endpoint="e:1", auth_mode="sigv4", mqtt_version="5", client_id="", expect="connect", healthy=False
    ).as_dict()
    known = {"target": "t", "endpoint": "e:1", "auth_mode": "sigv4", "mqtt_version": "5", "expect": "connect"}
    empty = {"healthy": False, "elapsed_ms": 0.0, "phases_ms": {}, "addresses": [], "secrets_refreshed": False}
    assert document == {**dict.fromkeys(document), **known, **empty}


def test_network_and_addresses_are_shown_in_full() -> None:
    """The round trip time in hundredths of a millisecond."""
    info = TcpInfo(
        rtt_ms=7.888,
        retransmits=2,
        unacknowledged=3,
        unacknowledged_bytes=9,
        bytes_acked=4,
        bytes_received=5,
        silent_ms=6.0,
    )
    addresses = (
        AddressResult(address="192.0.2.7", used=True, failure=Failure.TCP_REFUSED),
        AddressResult(address="192.0.2.8", used=False),
    )
    document = outcome_of(network=info, addresses=addresses).as_dict()
    assert document["network"] == {"rtt_ms": 7.89, "retransmits": 2, "unacknowledged": 3, "bytes_acked": 4}
    assert document["addresses"] == [
        {"address": "192.0.2.7", "used": True, "failure": "TcpRefused"},
        {"address": "192.0.2.8", "used": False, "failure": None},
    ]


def test_outcome_times_are_rounded_to_two_decimals() -> None:
    """Ten microseconds are finer than any network; they are rounded, not cut, and 0 stays 0."""
    phases = {"dns": 0.0, "tcp": 8.006, "tls": 17.994, "upgrade": 0.004, "connack": 123456.789}
    document = outcome_of(
        connect_ms=94.127, disconnect_ms=0.999, elapsed_ms=97.2549, certificate_days_left=-2.006, phases_ms=phases
    ).as_dict()
    times = ("connect_ms", "disconnect_ms", "elapsed_ms", "certificate_days_left")
    assert [document[key] for key in times] == [94.13, 1.0, 97.25, -2.01]
    assert document["phases_ms"] == {"dns": 0.0, "tcp": 8.01, "tls": 17.99, "upgrade": 0.0, "connack": 123456.79}


def test_outcome_is_plain_json() -> None:
    """Enumerations become their values, times two decimals, and nothing needs a special encoder."""
    outcome = outcome_of(
        auth_mode=AuthMode.CUSTOM_SIGNED,
        mqtt_version=MqttVersion.V3_1_1,
        expect=Expect.REFUSE,
        healthy=False,
        phase=Phase.CONNACK,
        failure=Failure.NOT_AUTHORIZED,
        certificate={"subject": "iot.example.com"},
    )
    document = json.loads(json.dumps(outcome.as_dict()))
    assert document == outcome.as_dict()
    assert (document["auth_mode"], document["mqtt_version"], document["expect"]) == ("custom-signed", "3.1.1", "refuse")
    assert (document["phase"], document["failure"]) == ("connack", "NotAuthorized")
    assert (document["connect_ms"], document["certificate_days_left"]) == (94.12, 213.46)
    assert document["phases_ms"]["dns"] == 1.23
    assert type(outcome.as_dict()["failure"]) is str


@pytest.mark.parametrize(
    ("healthy", "failure", "success"),
    [
        (True, None, True),
        (False, Failure.DISCONNECT_FAILED, True),
        (False, Failure.NOT_AUTHORIZED, False),
        (False, Failure.UNEXPECTED_ACCEPT, False),
    ],
)
def test_outcome_success_is_about_the_connect(*, healthy: bool, failure: Failure | None, success: bool) -> None:
    """A disconnect that fails does not unmake the connect."""
    assert outcome_of(healthy=healthy, failure=failure).success is success


def test_certificate_as_the_record_shows_it() -> None:
    """Its members by their names; times are ISO 8601."""
    certificate = Certificate(
        tls_version="TLSv1.3",
        cipher="TLS_AES_128_GCM_SHA256",
        subject="*.iot",
        issuer="An issuer",
        not_before=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        not_after=datetime.now(UTC) + timedelta(days=30),
    )
    assert certificate.as_dict() == {
        "tls_version": "TLSv1.3",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "subject": "*.iot",
        "issuer": "An issuer",
        "not_before": "2026-01-02T03:04:05+00:00",
        "not_after": certificate.not_after.isoformat(),
    }
    assert 29.9 < certificate.days_left <= 30
