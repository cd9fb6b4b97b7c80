"""Failures: the closed list, the table that leads to it, and the words that go with each."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.model.failures import Evidence, Failure, classify, is_authentication_refusal
from connect_canary.model.hints import RUNBOOK
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.phases import Phase
from connect_canary.model.reasons import reason
from tests.faulty import specifications

INTERFACE = """
CredentialsUnavailable ProxyUnreachable ProxyAuthRequired ProxyRefused DnsFailed TcpRefused TcpTimedOut TcpFailed
CertificateExpired CertificateUntrusted
CertificateNameMismatch TlsTimedOut TlsFailed TlsUnsupported
UpgradeForbidden UpgradeRejected UpgradeTimedOut UpgradeFailed
NotAuthorized BadCredentials ClientIdRejected ServerUnavailable Throttled ConnectRefused ConnackTimedOut
ConnectionHungUp ProtocolViolated DisconnectFailed DeadlineExceeded UnexpectedAccept Unclassified
"""
# What is known, and the failure that follows from it.
TABLE: list[tuple[Evidence, Failure]] = [
    (
        Evidence(phase=Phase.CREDENTIALS, error_name="AWS_AUTH_SIGNING_NO_CREDENTIALS"),
        Failure.CREDENTIALS_UNAVAILABLE,
    ),
    (Evidence(phase=Phase.CREDENTIALS, timed_out=True), Failure.CREDENTIALS_UNAVAILABLE),
    (Evidence(phase=Phase.PROXY, error_name="EAI_NONAME"), Failure.PROXY_UNREACHABLE),
    (Evidence(phase=Phase.PROXY, error_name="ECONNREFUSED"), Failure.PROXY_UNREACHABLE),
    (Evidence(phase=Phase.PROXY, error_name="ETIMEDOUT"), Failure.PROXY_UNREACHABLE),
    (Evidence(phase=Phase.PROXY, error_name="EHOSTUNREACH"), Failure.PROXY_UNREACHABLE),
    (Evidence(phase=Phase.PROXY, timed_out=True), Failure.PROXY_UNREACHABLE),
    (Evidence(phase=Phase.PROXY, http_status=407, error_name="ProxyRefused"), Failure.PROXY_AUTH_REQUIRED),
    (Evidence(phase=Phase.PROXY, http_status=401), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.PROXY, http_status=403), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.PROXY, http_status=204), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.PROXY, error_name="NotHttp"), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.PROXY, error_name="ECONNABORTED"), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.PROXY, error_name="ECONNRESET"), Failure.PROXY_REFUSED),
    (Evidence(phase=Phase.DNS, error_name="EAI_NONAME"), Failure.DNS_FAILED),
    (Evidence(phase=Phase.DNS, timed_out=True), Failure.DNS_FAILED),
    (Evidence(phase=Phase.TCP, error_name="ECONNREFUSED"), Failure.TCP_REFUSED),
    (Evidence(phase=Phase.TCP, error_name="ETIMEDOUT"), Failure.TCP_TIMED_OUT),
    (Evidence(phase=Phase.TCP, timed_out=True), Failure.TCP_TIMED_OUT),
    (Evidence(phase=Phase.TCP, error_name="EHOSTUNREACH"), Failure.TCP_FAILED),
    (Evidence(phase=Phase.TLS, certificate=Failure.CERTIFICATE_EXPIRED, timed_out=True), Failure.CERTIFICATE_EXPIRED),
    (Evidence(phase=Phase.TLS, certificate=Failure.CERTIFICATE_UNTRUSTED), Failure.CERTIFICATE_UNTRUSTED),
    (Evidence(phase=Phase.TLS, certificate=Failure.CERTIFICATE_NAME_MISMATCH), Failure.CERTIFICATE_NAME_MISMATCH),
    (Evidence(phase=Phase.TLS, error_name="AWS_IO_TLS_NEGOTIATION_TIMEOUT"), Failure.TLS_TIMED_OUT),
    (Evidence(phase=Phase.TLS, timed_out=True), Failure.TLS_TIMED_OUT),
    (Evidence(phase=Phase.TLS, error_name="AWS_IO_SOCKET_CLOSED"), Failure.TLS_FAILED),
    (Evidence(phase=Phase.TLS, sdk_silent=True, timed_out=True), Failure.TLS_UNSUPPORTED),
    (Evidence(phase=Phase.TLS, sdk_silent=True, error_name="AWS_IO_TLS_X"), Failure.TLS_UNSUPPORTED),
    (
        Evidence(phase=Phase.TLS, sdk_silent=True, certificate=Failure.CERTIFICATE_EXPIRED),
        Failure.CERTIFICATE_EXPIRED,
    ),
    (Evidence(phase=Phase.UPGRADE, upgrade_refused=True), Failure.UPGRADE_REJECTED),
    (Evidence(phase=Phase.UPGRADE, upgrade_refused=True, http_status=101), Failure.UPGRADE_FAILED),
    (Evidence(phase=Phase.UPGRADE, upgrade_refused=True, http_status=403), Failure.UPGRADE_FORBIDDEN),
    (Evidence(phase=Phase.UPGRADE, http_status=401), Failure.UPGRADE_FORBIDDEN),
    (Evidence(phase=Phase.UPGRADE, http_status=403, timed_out=True), Failure.UPGRADE_FORBIDDEN),
    (Evidence(phase=Phase.UPGRADE, http_status=200), Failure.UPGRADE_REJECTED),
    (Evidence(phase=Phase.UPGRADE, http_status=503), Failure.UPGRADE_REJECTED),
    (Evidence(phase=Phase.UPGRADE, http_status=429), Failure.THROTTLED),
    (Evidence(phase=Phase.UPGRADE, timed_out=True), Failure.UPGRADE_TIMED_OUT),
    (Evidence(phase=Phase.UPGRADE, http_status=101), Failure.UPGRADE_FAILED),
    (Evidence(phase=Phase.UPGRADE, error_name="AWS_ERROR_HTTP_PARSE"), Failure.UPGRADE_FAILED),
    (Evidence(phase=Phase.CONNACK, connack_code=5), Failure.NOT_AUTHORIZED),
    (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_PROTOCOL_ERROR"), Failure.PROTOCOL_VIOLATED),
    (
        Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_PROTOCOL_ERROR", accepted_on_retry=True),
        Failure.CONNECT_REFUSED,
    ),
    (
        Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_UNEXPECTED_HANGUP", accepted_on_retry=True),
        Failure.CONNECTION_HUNG_UP,
    ),
    (Evidence(phase=Phase.CONNACK, connack_code=135, connection_closed=True), Failure.NOT_AUTHORIZED),
    (Evidence(phase=Phase.CONNACK, connack_code=4), Failure.BAD_CREDENTIALS),
    (Evidence(phase=Phase.CONNACK, connack_code=134), Failure.BAD_CREDENTIALS),
    (Evidence(phase=Phase.CONNACK, connack_code=2), Failure.CLIENT_ID_REJECTED),
    (Evidence(phase=Phase.CONNACK, connack_code=133), Failure.CLIENT_ID_REJECTED),
    (Evidence(phase=Phase.CONNACK, connack_code=3), Failure.SERVER_UNAVAILABLE),
    (Evidence(phase=Phase.CONNACK, connack_code=137), Failure.SERVER_UNAVAILABLE),
    (Evidence(phase=Phase.CONNACK, connack_code=151), Failure.THROTTLED),
    (Evidence(phase=Phase.CONNACK, connack_code=159), Failure.THROTTLED),
    (Evidence(phase=Phase.CONNACK, connack_code=1), Failure.CONNECT_REFUSED),
    (Evidence(phase=Phase.CONNACK, connack_code=99), Failure.CONNECT_REFUSED),
    (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_TIMEOUT"), Failure.CONNACK_TIMED_OUT),
    (Evidence(phase=Phase.CONNACK, timed_out=True), Failure.CONNACK_TIMED_OUT),
    (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_UNEXPECTED_HANGUP"), Failure.CONNECTION_HUNG_UP),
    (
        Evidence(phase=Phase.CONNACK, connection_closed=True, error_name="AWS_ERROR_MQTT_TIMEOUT"),
        Failure.CONNECTION_HUNG_UP,
    ),
    (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED"), Failure.CONNECT_REFUSED),
    (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_PROTOCOL_ERROR"), Failure.PROTOCOL_VIOLATED),
    (
        Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_MQTT_PROTOCOL_ERROR", connection_closed=True),
        Failure.PROTOCOL_VIOLATED,
    ),
    (Evidence(phase=Phase.DISCONNECT, error_name="AWS_ERROR_MQTT_UNEXPECTED_HANGUP"), Failure.DISCONNECT_FAILED),
    (Evidence(phase=Phase.DISCONNECT, timed_out=True), Failure.DISCONNECT_FAILED),
    (Evidence(phase=None, timed_out=True), Failure.DEADLINE_EXCEEDED),
    (Evidence(phase=None), Failure.UNCLASSIFIED),
]
EVIDENCE = st.builds(
    Evidence,
    phase=st.none() | st.sampled_from(Phase),
    error_name=st.none() | st.sampled_from(["ECONNREFUSED", "AWS_ERROR_MQTT_TIMEOUT", "AWS_IO_SOCKET_CLOSED", "X"]),
    detail=st.none() | st.just("words"),
    timed_out=st.booleans(),
    connection_closed=st.booleans(),
    certificate=st.none() | st.sampled_from([Failure.CERTIFICATE_EXPIRED, Failure.TLS_FAILED]),
    sdk_silent=st.booleans(),
    upgrade_refused=st.booleans(),
    http_status=st.none() | st.integers(100, 599),
    connack_code=st.none() | st.integers(0, 255),
)


def test_failures_are_those_of_the_interface() -> None:
    """Names are dimension values that alarms and runbooks rely on."""
    assert [str(failure) for failure in Failure] == INTERFACE.split()


def test_phases_are_those_of_the_interface() -> None:
    """In the order in which an attempt goes through them."""
    assert " ".join(Phase) == "credentials proxy dns tcp tls upgrade connack disconnect"


@pytest.mark.parametrize(("evidence", "failure"), TABLE)
def test_evidence_leads_to_its_failure(evidence: Evidence, failure: Failure) -> None:
    """The most specific fact decides."""
    assert classify(evidence) is failure


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ERROR_MQTT_TIMEOUT",
        "AWS_ERROR_MQTT5_CONNACK_TIMEOUT",
        "AWS_IO_TLS_NEGOTIATION_TIMEOUT",
        "AWS_IO_SOCKET_TIMEOUT",
        "ETIMEDOUT",
    ],
)
def test_timeout_by_any_name_is_the_timeout_of_its_phase(name: str) -> None:
    """The SDK's names and the system's; with the connection closed it is a hang-up after the CONNECT."""
    assert classify(Evidence(phase=Phase.TLS, error_name=name)) is Failure.TLS_TIMED_OUT
    assert classify(Evidence(phase=Phase.CONNACK, error_name=name)) is Failure.CONNACK_TIMED_OUT
    closed = Evidence(phase=Phase.CONNACK, error_name=name, connection_closed=True)
    assert classify(closed) is Failure.CONNECTION_HUNG_UP


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ERROR_MQTT_UNEXPECTED_HANGUP",
        "AWS_ERROR_MQTT_CONNECTION_SHUTDOWN",
        "AWS_ERROR_MQTT_CONNECTION_DESTROYED",
        "AWS_IO_SOCKET_CLOSED",
        "AWS_ERROR_HTTP_CONNECTION_CLOSED",
    ],
)
def test_hang_up_by_any_name_of_the_sdk(name: str) -> None:
    """After the CONNECT a close is a failure of its own."""
    assert classify(Evidence(phase=Phase.CONNACK, error_name=name)) is Failure.CONNECTION_HUNG_UP


def test_table_reaches_every_failure() -> None:
    """All but the one that is not a failure of the connect itself."""
    assert {failure for _, failure in TABLE} == set(Failure) - {Failure.UNEXPECTED_ACCEPT}


@given(EVIDENCE)
def test_any_evidence_has_a_failure_of_its_phase(evidence: Evidence) -> None:
    """Once a phase is known, there is always a name in our table."""
    failure = classify(evidence)
    if evidence.phase is not None:
        assert failure not in {Failure.UNCLASSIFIED, Failure.DEADLINE_EXCEEDED, Failure.UNEXPECTED_ACCEPT}


@given(EVIDENCE)
def test_any_evidence_has_one_line_of_reason(evidence: Evidence) -> None:
    """Every failure has a reason."""
    assert reason(evidence, 1234.5).strip()
    assert "\n" not in reason(evidence, 1234.5)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(phase=Phase.CONNACK, connack_code=135), "CONNACK 135 Not authorized"),
        (Evidence(phase=Phase.CONNACK, connack_code=135, detail="denied"), "CONNACK 135 Not authorized (denied)"),
        (Evidence(phase=Phase.CONNACK, connack_code=200), "CONNACK 200 unknown code"),
        (
            Evidence(phase=Phase.UPGRADE, http_status=403, detail="ForbiddenException"),
            "HTTP 403 to the WebSocket upgrade (ForbiddenException)",
        ),
        (
            Evidence(phase=Phase.PROXY, timed_out=True, detail="egress proxy p:1 is not reached"),
            "no answer from the egress proxy within 1.2 s (egress proxy p:1 is not reached)",
        ),
        (Evidence(phase=Phase.PROXY, http_status=403, detail="egress proxy p:1 says no"), "egress proxy p:1 says no"),
        (Evidence(phase=Phase.TCP, timed_out=True), "no answer to the TCP connect within 1.2 s"),
        (
            Evidence(phase=Phase.UPGRADE, timed_out=True),
            "no answer to the WebSocket upgrade request within 1.2 s",
        ),
        (Evidence(phase=Phase.TLS, detail="it expired on Monday"), "it expired on Monday"),
        (Evidence(phase=Phase.CONNACK, error_name="AWS_ERROR_X"), "the SDK says AWS_ERROR_X"),
        (Evidence(phase=None, timed_out=True), "nothing happened within 1.2 s"),
    ],
)
def test_reason_is_evidence_in_plain_words(evidence: Evidence, words: str) -> None:
    """One line for the operator on call."""
    assert reason(evidence, 1234.5) == words


def test_hint_leads_to_a_section_of_the_runbook() -> None:
    """GitHub makes the anchor from the heading; there is one section a failure, and others only for alarms."""
    runbook = Path(__file__).parents[2] / RUNBOOK
    headings = re.findall(r"^### (\w+)$", runbook.read_text(), re.MULTILINE)
    assert sorted(heading for heading in headings if not heading.endswith("Alarm")) == sorted(Failure)


def test_connack_code_has_meaning_and_failure() -> None:
    """Both versions' tables, verbatim in any case; an unlisted code is named as such."""
    told, specified = {}, {}
    for code in range(1, 256):
        evidence = Evidence(phase=Phase.CONNACK, connack_code=code)
        told[code] = (classify(evidence), reason(evidence, 0).lower())
        meaning, failure = specifications.CONNACK.get(code, specifications.UNKNOWN_CODE)
        specified[code] = (failure, f"connack {code} {meaning}".lower())
    assert told == specified


def test_http_status_has_failure() -> None:
    """Only two of them are about authorization; 101 is not a refusal."""
    told, specified = {}, {}
    for status in range(100, 600):
        evidence = Evidence(phase=Phase.UPGRADE, http_status=status)
        told[status] = (classify(evidence), reason(evidence, 0))
        specified[status] = (specifications.failure_of_status(status), f"HTTP {status} to the WebSocket upgrade")
    switching = specifications.SWITCHING_PROTOCOLS
    specified[switching] = (specified[switching][0], "HTTP 101, but no WebSocket handshake for mqtt")
    assert told == specified


def test_authentication_failures_are_those_of_who_one_is() -> None:
    """Only after these is a rotated secret worth another look."""
    assert {str(failure) for failure in Failure if is_authentication_refusal(failure, MqttVersion.V5)} == {
        "UpgradeForbidden",
        "NotAuthorized",
        "BadCredentials",
    }
