"""Owners and hints: what follows from failure, auth mode and evidence."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from connect_canary.model.failures import Evidence, Failure, is_authentication_refusal
from connect_canary.model.hints import hint
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.network_finding import NetworkFinding
from connect_canary.model.owners import MAX_CLOCK_SKEW_S, Owner, owner
from connect_canary.model.target import AuthMode

OWNERS = """
network team, proxy's owner, endpoint's owner, IAM team, authorizer's owner, canary's owner, AWS, security team,
canary's maintainers
"""
AWS_MODES = (AuthMode.SIGV4, AuthMode.SIGV4_STATIC)
CUSTOM_MODES = (AuthMode.CUSTOM_UNSIGNED, AuthMode.CUSTOM_SIGNED)
FINDINGS = (None, *NetworkFinding)
EVERY = list(itertools.product(Failure, AuthMode, MqttVersion, FINDINGS))
V5, V311 = MqttVersion.V5, MqttVersion.V3_1_1
LOST, SILENT, LARGE = NetworkFinding.PACKETS_LOST, NetworkFinding.PEER_SILENT, NetworkFinding.FLIGHT_TOO_LARGE
# Failure, MQTT version, the owner with AWS credentials and the one with a custom authorizer.
BY_MODE: list[tuple[Failure, MqttVersion, Owner, Owner]] = [
    *((Failure.UPGRADE_FORBIDDEN, version, Owner.IAM, Owner.AUTHORIZER) for version in MqttVersion),
    *((Failure.NOT_AUTHORIZED, version, Owner.IAM, Owner.AUTHORIZER) for version in MqttVersion),
    *((Failure.BAD_CREDENTIALS, version, Owner.IAM, Owner.AUTHORIZER) for version in MqttVersion),
    *((Failure.CONNACK_TIMED_OUT, version, Owner.ENDPOINT, Owner.AUTHORIZER) for version in MqttVersion),
    (Failure.CONNECTION_HUNG_UP, V311, Owner.IAM, Owner.AUTHORIZER),
    (Failure.CONNECTION_HUNG_UP, V5, Owner.ENDPOINT, Owner.AUTHORIZER),
]
# Failure, what TCP shows, the owner with AWS credentials and the one with a custom authorizer.
BY_FINDING: list[tuple[Failure, NetworkFinding | None, Owner, Owner]] = [
    (Failure.PROXY_UNREACHABLE, None, Owner.PROXY, Owner.PROXY),
    (Failure.PROXY_UNREACHABLE, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.PROXY_UNREACHABLE, SILENT, Owner.PROXY, Owner.PROXY),
    (Failure.PROXY_REFUSED, LOST, Owner.PROXY, Owner.PROXY),
    (Failure.PROXY_AUTH_REQUIRED, None, Owner.CANARY, Owner.CANARY),
    (Failure.TCP_TIMED_OUT, None, Owner.NETWORK, Owner.NETWORK),
    (Failure.TCP_TIMED_OUT, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.TLS_TIMED_OUT, None, Owner.NETWORK, Owner.NETWORK),
    (Failure.TLS_TIMED_OUT, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.TLS_TIMED_OUT, SILENT, Owner.ENDPOINT, Owner.ENDPOINT),
    (Failure.TLS_TIMED_OUT, LARGE, Owner.NETWORK, Owner.NETWORK),
    (Failure.TLS_FAILED, None, Owner.ENDPOINT, Owner.ENDPOINT),
    (Failure.TLS_FAILED, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.UPGRADE_TIMED_OUT, None, Owner.ENDPOINT, Owner.ENDPOINT),
    (Failure.UPGRADE_TIMED_OUT, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.UPGRADE_TIMED_OUT, SILENT, Owner.ENDPOINT, Owner.ENDPOINT),
    (Failure.UPGRADE_TIMED_OUT, LARGE, Owner.NETWORK, Owner.NETWORK),
    (Failure.UPGRADE_FAILED, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.CONNACK_TIMED_OUT, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.CONNACK_TIMED_OUT, SILENT, Owner.ENDPOINT, Owner.AUTHORIZER),
    (Failure.CONNACK_TIMED_OUT, LARGE, Owner.NETWORK, Owner.NETWORK),
    (Failure.CONNECTION_HUNG_UP, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.CONNECTION_HUNG_UP, SILENT, Owner.ENDPOINT, Owner.AUTHORIZER),
    (Failure.DISCONNECT_FAILED, LOST, Owner.NETWORK, Owner.NETWORK),
    (Failure.DISCONNECT_FAILED, SILENT, Owner.ENDPOINT, Owner.ENDPOINT),
    # What the peer said in words is not the network's doing.
    (Failure.NOT_AUTHORIZED, LOST, Owner.IAM, Owner.AUTHORIZER),
    (Failure.UPGRADE_FORBIDDEN, LOST, Owner.IAM, Owner.AUTHORIZER),
    (Failure.CERTIFICATE_EXPIRED, LOST, Owner.ENDPOINT, Owner.ENDPOINT),
]


def _evidence(
    version: MqttVersion = V5, network: NetworkFinding | None = None, clock_skew_s: float | None = None
) -> Evidence:
    return Evidence(phase=None, mqtt_version=version, network=network, clock_skew_s=clock_skew_s)


def test_owners_are_a_closed_set() -> None:
    """Queries and routing of pages rely on the words."""
    assert list(Owner) == [word.strip() for word in OWNERS.replace("\n", " ").split(",")]


def test_every_combination_has_an_owner_and_a_hint() -> None:
    """Failure x auth mode x MQTT version x finding: no gap, and advice that fits two lines of a terminal."""
    for failure, mode, version, network in EVERY:
        evidence = _evidence(version, network)
        assert owner(failure, mode, evidence) in Owner
        advice, _, link = hint(failure, mode, evidence).rpartition(" (")
        assert link == f"docs/runbook.md#{failure.lower()})"
        assert advice.isascii()
        assert 0 < len(advice) <= 100, advice
        assert not any(advice.startswith(f"{name}:") for name in Owner)


def test_every_owner_has_a_failure() -> None:
    """No word of the set is unused."""
    owners = {owner(failure, mode, _evidence(version, network)) for failure, mode, version, network in EVERY}
    assert owners == set(Owner)


def test_proxy_never_counts_as_the_endpoints_refusal() -> None:
    """A proxy that wants a password, or says no, is not how an endpoint turns a client away."""
    proxy = {Failure.PROXY_UNREACHABLE, Failure.PROXY_AUTH_REQUIRED, Failure.PROXY_REFUSED}
    assert not any(is_authentication_refusal(failure, version) for failure in proxy for version in MqttVersion)


@pytest.mark.parametrize(("failure", "version", "with_aws", "with_authorizer"), BY_MODE)
def test_denial_belongs_to_whoever_denies(
    failure: Failure, version: MqttVersion, with_aws: Owner, with_authorizer: Owner
) -> None:
    """A custom authorizer's denial goes to its owner, a role's to IAM."""
    assert {owner(failure, mode, _evidence(version)) for mode in AWS_MODES} == {with_aws}
    assert {owner(failure, mode, _evidence(version)) for mode in CUSTOM_MODES} == {with_authorizer}


def test_no_denial_is_missing_in_the_table() -> None:
    """Whatever counts as a refusal of who the client is has its row above."""
    denials = {(failure, version) for failure in Failure for version in MqttVersion}
    denials = {each for each in denials if is_authentication_refusal(*each)}
    assert denials <= {(failure, version) for failure, version, _, _ in BY_MODE}


@pytest.mark.parametrize(("failure", "network", "with_aws", "with_authorizer"), BY_FINDING)
def test_time_out_belongs_to_whom_tcp_shows(
    failure: Failure, network: NetworkFinding | None, with_aws: Owner, with_authorizer: Owner
) -> None:
    """Lost and oversized packets are the network's; a host that acknowledges has a silent service."""
    assert {owner(failure, mode, _evidence(network=network)) for mode in AWS_MODES} == {with_aws}
    assert {owner(failure, mode, _evidence(network=network)) for mode in CUSTOM_MODES} == {with_authorizer}


def test_hint_says_what_tcp_shows() -> None:
    """Each finding has advice of its own."""
    hints = {hint(Failure.UPGRADE_TIMED_OUT, AuthMode.SIGV4, _evidence(network=network)) for network in FINDINGS}
    assert len(hints) == len(FINDINGS)


@pytest.mark.parametrize(
    ("failure", "network", "expected"),
    [
        (Failure.TLS_TIMED_OUT, SILENT, Owner.NETWORK),
        (Failure.TLS_TIMED_OUT, LOST, Owner.NETWORK),
        (Failure.UPGRADE_TIMED_OUT, LOST, Owner.NETWORK),
        (Failure.PROXY_UNREACHABLE, SILENT, Owner.PROXY),
        (Failure.PROXY_UNREACHABLE, LOST, Owner.NETWORK),
    ],
)
def test_proxy_that_acknowledges_does_not_speak_for_the_endpoint(
    failure: Failure, network: NetworkFinding, expected: Owner
) -> None:
    """Behind an egress proxy TCP shows the way to the proxy and no further."""
    evidence = replace(_evidence(network=network), proxied=True)
    assert owner(failure, AuthMode.SIGV4, evidence) is expected


@pytest.mark.parametrize("failure", [failure for failure, *_ in BY_MODE])
def test_hint_follows_the_owner(failure: Failure) -> None:
    """Somebody with a custom authorizer is not sent to an IAM policy, nor the other way round."""
    role, custom = (hint(failure, mode, _evidence(V311)) for mode in (AuthMode.SIGV4, AuthMode.CUSTOM_SIGNED))
    assert role != custom
    assert "IAM" not in custom
    assert "authorizer" not in role


@pytest.mark.parametrize(
    ("skew_s", "words"),
    [
        (1200.0, "your clock is 20 minutes off"),
        (-1200.4, "your clock is 20 minutes off"),
        (MAX_CLOCK_SKEW_S + 1, "your clock is 5 minutes off"),
        (7200.0, "your clock is 2 hours off"),
        (-86400.0 * 365, "your clock is 365 days off"),
    ],
)
def test_clock_that_is_off_is_the_hint(skew_s: float, words: str) -> None:
    """Nobody looks for a wrong key where the time is wrong; the host is the canary's."""
    evidence = _evidence(clock_skew_s=skew_s)
    assert hint(Failure.UPGRADE_FORBIDDEN, AuthMode.SIGV4, evidence).startswith(words)
    assert owner(Failure.UPGRADE_FORBIDDEN, AuthMode.SIGV4, evidence) is Owner.CANARY


@pytest.mark.parametrize("mode", CUSTOM_MODES)
def test_clock_does_not_matter_to_an_authorizer(mode: AuthMode) -> None:
    """Only a signature of AWS's has a time; the authorizer's denial stays its owner's."""
    evidence = _evidence(clock_skew_s=1200.0)
    assert owner(Failure.UPGRADE_FORBIDDEN, mode, evidence) is Owner.AUTHORIZER


@pytest.mark.parametrize("skew_s", [None, 0.2, -MAX_CLOCK_SKEW_S, MAX_CLOCK_SKEW_S])
def test_clock_that_is_right_is_no_hint(skew_s: float | None) -> None:
    """AWS accepts five minutes."""
    evidence = _evidence(clock_skew_s=skew_s)
    assert "your clock" not in hint(Failure.UPGRADE_FORBIDDEN, AuthMode.SIGV4, evidence)
    assert owner(Failure.UPGRADE_FORBIDDEN, AuthMode.SIGV4, evidence) is Owner.IAM


def test_clock_explains_refused_signatures_only() -> None:
    """An overloaded server's status has nothing to do with the time."""
    evidence = _evidence(clock_skew_s=1200.0)
    for failure in set(Failure) - {Failure.UPGRADE_FORBIDDEN}:
        assert "your clock" not in hint(failure, AuthMode.SIGV4, evidence)
        assert owner(failure, AuthMode.SIGV4, evidence) is owner(failure, AuthMode.SIGV4, _evidence())


@pytest.mark.parametrize("network", FINDINGS)
@pytest.mark.parametrize("mode", AuthMode)
def test_what_the_sdk_refuses_in_silence_is_never_the_networks(mode: AuthMode, network: NetworkFinding | None) -> None:
    """The endpoint's flight has arrived: whoever sends such a chain has to shorten it."""
    evidence = _evidence(network=network)
    assert owner(Failure.TLS_UNSUPPORTED, mode, evidence) is Owner.ENDPOINT
    assert "at most 7 certificates" in hint(Failure.TLS_UNSUPPORTED, mode, evidence)


@pytest.mark.parametrize(
    ("version", "failure", "facts", "words"),
    [
        (V5, Failure.CONNECT_REFUSED, {"connack_code": 132}, "speaks no MQTT 5: try mqtt_version 3.1.1"),
        (V5, Failure.CONNECT_REFUSED, {"connack_code": 1}, "speaks no MQTT 5: try mqtt_version 3.1.1"),
        (V311, Failure.CONNECT_REFUSED, {"connack_code": 1}, "speaks no MQTT 3.1.1: try mqtt_version 5"),
        (V5, Failure.PROTOCOL_VIOLATED, {"spoken_version": V311}, "speaks no MQTT 5: try mqtt_version 3.1.1"),
        (V5, Failure.PROTOCOL_VIOLATED, {}, "check what listens there"),
        (V5, Failure.CONNECT_REFUSED, {"connack_code": 128}, "look up the CONNACK code"),
        (V5, Failure.CONNECTION_HUNG_UP, {}, "check AWS Health"),
        (V5, Failure.NOT_AUTHORIZED, {"connack_code": 5, "spoken_version": V311}, "IAM policy"),
    ],
)
def test_version_to_try_is_the_hint_where_the_endpoint_shows_it(
    version: MqttVersion, failure: Failure, facts: dict[str, Any], words: str
) -> None:
    """A CONNACK that refuses the version, or has the form of the other one; a connection that closes shows nothing."""
    assert words in hint(failure, AuthMode.SIGV4, replace(_evidence(version), **facts))
