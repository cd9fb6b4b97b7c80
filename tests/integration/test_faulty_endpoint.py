"""Every scenario of the faulty endpoint, in both MQTT versions: name, phase and evidence, in time, no secret."""

import json
import os
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connect_canary.model.failures import Failure
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from tests.faulty.cases import ENVIRON, MODES, SECRETS, Case, cases_of, observe, watching
from tests.faulty.egress import EGRESS
from tests.faulty.pki import days_left
from tests.faulty.process import ROOT, FaultyServer, Handler
from tests.faulty.scenarios import BY_ID, PAUSE_S, SCENARIOS, Promptness, Scenario
from tests.faulty.timing import (
    ROUNDING_MS,
    WAITED_ROUNDING_S,
    phases_total_ms,
    timed_phases,
    until_verdict_ms,
    waited_s,
)

DEADLINE_S = 2.5
# What is reported at once must not have waited for a deadline, which is far away here.
FAR_DEADLINE_S = 10.0
AT_ONCE_MS = FAR_DEADLINE_S * 1000 / 2
LATE_MS = 1500
# A target's deadline counts from a moment before its attempt, whose own times begin a little later.
EARLY_S = 0.1
_HOUR = 1 / 24

# Every auth mode runs where it changes what goes over the wire.
_WHERE_MODES_MATTER = (
    "healthy",
    "http-401",
    "http-403",
    "http-403-bad-body",
    "upgrade-silent",
    "connack-4-134",
    "connack-5-135",
    "connack-close-tls",
    "connack-silent",
)
_CUSTOM = {mode for mode in MODES if not mode.startswith("sigv4")}
_DENIALS = ("http-401", "http-403", "http-403-bad-body", "connack-4-134", "connack-5-135")
CASES = list(dict.fromkeys([*cases_of(BY_ID), *cases_of(_WHERE_MODES_MATTER, MODES)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The outcome of every case, what the canary printed, and what the endpoint received."""

    outcomes: Mapping[Case, dict[str, Any]]
    printed: str
    seen: Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """The faulty endpoint with a listener for each scenario and each egress proxy."""
    with FaultyServer(*BY_ID, *EGRESS) as running:
        yield running


@pytest.fixture(scope="module")
def observed(server: FaultyServer) -> Observed:
    """Every case, in two runs of the handler: one for what is reported at once, one for what needs a deadline."""
    at_once = [case for case in CASES if case.expected.when is Promptness.AT_ONCE]
    late = [case for case in CASES if case.expected.when is Promptness.DEADLINE]
    outcomes, printed = observe(server, at_once, deadline_s=FAR_DEADLINE_S, concurrent=8)
    late_outcomes, printed_late = observe(server, late, deadline_s=DEADLINE_S)
    seen = dict(zip((id_ for id_, _ in server.ports), server.report(), strict=True))
    return Observed(outcomes=outcomes | late_outcomes, printed=printed + printed_late, seen=seen)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome_of_situation(observed: Observed, case: Case) -> None:
    """Name, phase and evidence are the table's, and they are reported in time."""
    outcome, expected = observed.outcomes[case], case.expected
    assert (outcome["phase"], outcome["failure"]) == (expected.phase, expected.failure), outcome["reason"]
    assert outcome["healthy"] is (expected.failure is None)
    for key in ("http_status", "connack_code", "request_id"):
        wanted = getattr(expected, key)
        assert wanted is None or outcome[key] == wanted, key
    assert expected.reason.lower() in (outcome["reason"] or "").lower()
    assert expected.message in (outcome["reason"] or "")
    assert expected.hint in (outcome["hint"] or "")
    at_most = AT_ONCE_MS if expected.when is Promptness.AT_ONCE else DEADLINE_S * 1000 + LATE_MS
    assert outcome["elapsed_ms"] < at_most


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_evidence_of_failure_is_one_line_for_people(observed: Observed, case: Case) -> None:
    """Reason and hint are single printable lines, and the hint leads to the runbook."""
    outcome = observed.outcomes[case]
    if outcome["healthy"]:
        assert (outcome["reason"], outcome["hint"]) == (None, None)
        return
    assert outcome["reason"].isprintable()
    assert outcome["hint"].isprintable()
    assert f"docs/runbook.md#{outcome['failure'].lower()}" in outcome["hint"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_owner_of_scenario(observed: Observed, case: Case) -> None:
    """The owner is one of the closed set, and the table's where it names one."""
    outcome, expected = observed.outcomes[case], case.expected
    if outcome["healthy"]:
        assert outcome["owner"] is None
        return
    assert outcome["owner"] in set(Owner)
    assert expected.owner is None or case.mode in _CUSTOM or outcome["owner"] == expected.owner


@pytest.mark.parametrize("case", cases_of(_DENIALS, MODES), ids=lambda case: case.name)
def test_owner_of_denial_follows_the_auth_mode(observed: Observed, case: Case) -> None:
    """A custom authorizer's denial is its owner's, a role's is the IAM team's."""
    outcome = observed.outcomes[case]
    assert outcome["owner"] == (Owner.AUTHORIZER if case.mode in _CUSTOM else Owner.IAM)
    assert ("authorizer" in outcome["hint"]) is (case.mode in _CUSTOM)


@pytest.mark.parametrize("case", cases_of(["connack-close-tls"], MODES), ids=lambda case: case.name)
def test_owner_of_hang_up_follows_mode_and_version(observed: Observed, case: Case) -> None:
    """Closing after CONNECT is how a role's denial looks in MQTT 3.1.1; MQTT 5 has a code for it."""
    role = Owner.IAM if case.version is MqttVersion.V3_1_1 else Owner.ENDPOINT
    assert observed.outcomes[case]["owner"] == (Owner.AUTHORIZER if case.mode in _CUSTOM else role)


def test_clock_is_compared_with_a_refusal(observed: Observed) -> None:
    """The skew is this host's clock minus the endpoint's; where no upgrade was refused it is unknown."""
    skews = {case.scenario: observed.outcomes[case]["clock_skew_s"] for case in CASES}
    assert -5 < skews["http-403"] < 30
    assert -1205 < skews["http-403-clock-ahead"] < -1170
    assert 1195 < skews["http-403-clock-behind"] < 1230
    assert skews["port-closed"] is None


@pytest.mark.parametrize("case", [c for c in CASES if c.expected.certificate], ids=lambda case: case.name)
def test_certificate_that_fails_is_read_all_the_same(observed: Observed, case: Case) -> None:
    """Days left are what the certificate says, negative when it has expired."""
    days = days_left(case.expected.certificate)
    assert days - _HOUR < observed.outcomes[case]["certificate_days_left"] <= days


def test_certificate_that_is_good_has_its_days_left(observed: Observed) -> None:
    """A handshake of which the certificate is not the trouble shows how long it is still good."""
    good = [observed.outcomes[case]["certificate_days_left"] for case in CASES if not case.expected.certificate]
    days = [value for value in good if value is not None]
    assert days_left("good") - _HOUR < min(days)
    assert max(days) <= days_left("good")


def test_bad_certificates_are_told_within_a_second(observed: Observed) -> None:
    """The canary does not wait out the SDK's blinding delay of 10 to 30 seconds."""
    elapsed_ms = [observed.outcomes[case]["elapsed_ms"] for case in CASES if case.expected.certificate]
    assert statistics.median(elapsed_ms) < 1000


def test_no_situation_is_unclassified(observed: Observed) -> None:
    """The table has no gap, and nothing is a bare deadline."""
    failures = {outcome["failure"] for outcome in observed.outcomes.values()}
    assert not failures & {Failure.UNCLASSIFIED, Failure.DEADLINE_EXCEEDED}


def test_situations_provoke_every_failure() -> None:
    """Each name of the closed list is provoked over a real socket, here or in the tests below."""
    below = {
        Failure.CREDENTIALS_UNAVAILABLE,
        Failure.TCP_FAILED,
        Failure.UNEXPECTED_ACCEPT,
        Failure.DEADLINE_EXCEEDED,
    }
    provoked = {scenario.expects(version).failure for scenario in SCENARIOS for version in scenario.versions}
    assert (provoked | below) - {None} == set(Failure) - {Failure.UNCLASSIFIED}


def test_document_has_a_row_for_every_situation() -> None:
    """The table in docs/faults.md is of these very scenarios."""
    document = (ROOT / "docs" / "faults.md").read_text()
    assert [scenario.id for scenario in SCENARIOS if f"| {scenario.title} |" not in document] == []


def test_no_secret_is_printed(observed: Observed) -> None:
    """No planted secret is in any log line, metric or outcome, not even when the endpoint echoes it."""
    printed = observed.printed + json.dumps(list(observed.outcomes.values()))
    assert [name for name, secret in SECRETS.items() if secret in printed] == []


def test_untrusted_endpoint_gets_no_request(observed: Observed) -> None:
    """Nothing that is signed or secret reaches a server whose certificate fails."""
    upgrades = {id_: seen["upgrades"] for id_, seen in observed.seen.items() if id_.startswith("certificate-")}
    assert set(upgrades.values()) == {0}


def test_healthy_endpoint_sees_one_session_a_run(observed: Observed) -> None:
    """A healthy run is one CONNECT and one DISCONNECT; the concurrent certificate check sends no request."""
    seen, runs = observed.seen["healthy"], len([case for case in CASES if case.scenario == "healthy"])
    assert (seen["upgrades"], seen["connects"], seen["disconnects"]) == (runs, runs, runs)


def test_refused_upgrade_is_asked_once_more(observed: Observed) -> None:
    """The diagnosis repeats a refused upgrade once."""
    assert observed.seen["http-404"]["upgrades"] == 2 * len(MqttVersion)


def test_client_ids_are_never_used_twice(observed: Observed) -> None:
    """The diagnosis of MQTT 3.1.1 opens a session of its own id, because AWS IoT allows one CONNECT a second per id."""
    clients = [client["client_id"] for seen in observed.seen.values() for client in seen["clients"]]
    assert max(Counter(clients).values()) == 1


def test_custom_authorizer_fields_travel_where_they_should(observed: Observed) -> None:
    """The token is in the MQTT username, in headers or in the query, as the placement says."""
    token = SECRETS["authorizer_token_value"]
    seen = observed.seen["healthy"]
    in_username = [client for client in seen["clients"] if token in (client["username"] or "")]
    in_headers = [request for request in seen["requests"] if request["headers"].get("token") == token]
    in_query = [request for request in seen["requests"] if f"token={token}" in request["target"]]
    assert [len(in_username), len(in_headers), len(in_query)] == [len(MqttVersion)] * 3
    password = SECRETS["authorizer_password"].encode().hex()
    assert [client["password"] for client in seen["clients"]].count(password) == len(MqttVersion)


# -- times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_phases_of_situation(observed: Observed, case: Case) -> None:
    """The phases that an attempt went through have a time each, in order, and those that it did not reach have none."""
    phases = observed.outcomes[case]["phases_ms"]
    assert list(phases) in timed_phases(case.expected, through_proxy=bool(BY_ID[case.scenario].proxy))
    assert min(phases.values()) >= 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_times_add_up(observed: Observed, case: Case) -> None:
    """Phases fit into the connect, connect and disconnect into the whole, and a diagnosis comes on top of both."""
    outcome, expected = observed.outcomes[case], case.expected
    assert (outcome["connect_ms"] is not None) is (expected.phase in {None, Phase.DISCONNECT})
    assert (outcome["disconnect_ms"] is not None) is (expected.phase is None)
    verdict_ms = until_verdict_ms(outcome)
    assert phases_total_ms(outcome) <= verdict_ms + ROUNDING_MS
    afterwards_ms = (outcome["disconnect_ms"] or 0) + expected.diagnosis_s * 1000
    assert verdict_ms + afterwards_ms <= outcome["elapsed_ms"] + ROUNDING_MS


@pytest.mark.parametrize("case", [c for c in CASES if c.pauses_s], ids=lambda case: case.name)
def test_slow_phase_lasts_as_long_as_the_endpoint_pauses(observed: Observed, case: Case) -> None:
    """The phase in which the endpoint pauses has the pause in its time."""
    phases = observed.outcomes[case]["phases_ms"]
    for phase, pause_s in case.pauses_s.items():
        assert phases[phase] >= pause_s * 1000 - ROUNDING_MS, phase


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.pauses_s], ids=lambda scenario: scenario.id)
def test_pause_is_in_no_other_phase(observed: Observed, scenario: Scenario) -> None:
    """Where the endpoint is quick, the quicker of two attempts is quicker than the pause elsewhere."""
    outcomes = [outcome for case, outcome in observed.outcomes.items() if case.scenario == scenario.id]
    for phase in set(outcomes[0]["phases_ms"]) - set(scenario.pauses_s):
        assert min(outcome["phases_ms"][phase] for outcome in outcomes) < PAUSE_S * 1000, phase


@pytest.mark.parametrize("scenario", ["slow-disconnect", "disconnect-hangs"])
def test_close_after_disconnect_is_not_waited_for(observed: Observed, scenario: str) -> None:
    """DISCONNECT is the client's last word: an endpoint that is slow to close, or never does, costs no time."""
    elapsed_ms = [observed.outcomes[case]["elapsed_ms"] for case in CASES if case.scenario == scenario]
    assert min(elapsed_ms) < PAUSE_S * 1000


def test_connect_is_little_more_than_its_phases(observed: Observed) -> None:
    """ConnectLatency is the time on the wire and the SDK's own start, nothing before and nothing afterwards."""
    healthy = [outcome for outcome in observed.outcomes.values() if outcome["healthy"]]
    assert min(outcome["connect_ms"] - phases_total_ms(outcome) for outcome in healthy) < 100


@pytest.mark.parametrize("case", [c for c in CASES if c.expected.times_out], ids=lambda case: case.name)
def test_time_out_is_the_deadline(observed: Observed, case: Case) -> None:
    """The reason states the seconds from the attempt's start to its deadline."""
    outcome = observed.outcomes[case]
    assert DEADLINE_S - EARLY_S <= waited_s(outcome) <= outcome["elapsed_ms"] / 1000 + WAITED_ROUNDING_S
    assert outcome["elapsed_ms"] >= (DEADLINE_S - EARLY_S) * 1000
    assert max(outcome["phases_ms"], key=outcome["phases_ms"].__getitem__) == outcome["phase"]


def test_printed_metrics_are_the_times_of_the_outcomes(observed: Observed) -> None:
    """What CloudWatch gets is what the return value says: each connect's duration, each certificate's days left."""
    printed = [json.loads(line) for line in observed.printed.splitlines() if '"_aws"' in line]
    for metric, key in (("ConnectLatency", "connect_ms"), ("CertificateDaysLeft", "certificate_days_left")):
        measured = {blob["Target"]: blob[metric] for blob in printed if metric in blob}
        expected = {case.name: outcome[key] for case, outcome in observed.outcomes.items() if outcome[key] is not None}
        assert measured == {name: [value] for name, value in expected.items()}
    phases = {case.name: outcome["phases_ms"] for case, outcome in observed.outcomes.items()}
    assert {blob["Target"]: blob["phases_ms"] for blob in printed if "ConnectSuccess" in blob} == phases


# -- egress proxies ------------------------------------------------------------------------------------------------

_PROXIED = [case for case in CASES if BY_ID[case.scenario].proxy]


@pytest.mark.parametrize("case", cases_of(["proxy-slow"]), ids=lambda case: case.name)
def test_slow_proxy_is_not_a_slow_endpoint(observed: Observed, case: Case) -> None:
    """The time for the response to CONNECT is the proxy's, and in the connect."""
    outcome = observed.outcomes[case]
    assert outcome["phases_ms"]["proxy"] >= PAUSE_S * 1000 - ROUNDING_MS
    assert outcome["phases_ms"]["tls"] < PAUSE_S * 1000
    assert phases_total_ms(outcome) <= outcome["connect_ms"] + ROUNDING_MS


def test_endpoint_behind_a_proxy_that_refuses_sees_no_handshake(observed: Observed) -> None:
    """The proxy's response is the end, also for one that is connected to the endpoint when it gives it."""
    refused = {case.scenario for case in _PROXIED if case.expected.phase is Phase.PROXY}
    assert {observed.seen[id_]["handshakes"] for id_ in refused} == {0}


@pytest.mark.parametrize("case", cases_of(["proxy-407", "proxy-403", "proxy-close"]), ids=lambda case: case.name)
def test_proxys_refusal_is_not_the_one_that_is_expected(handler: Handler, server: FaultyServer, case: Case) -> None:
    """A target that expects a refusal is unhealthy if only the proxy refuses it."""
    entry = case.target(server.port(case.scenario), server.ca_file, expect="refuse")
    proxy = {"HTTPS_PROXY": case.proxy_url(server)}
    result, _ = handler.invoke(watching([entry], FAR_DEADLINE_S) | proxy, seconds=20)
    (outcome,) = result["response"]["targets"]
    assert (outcome["healthy"], outcome["failure"]) == (False, case.expected.failure)


# -- what no listener can provoke ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handler() -> Iterator[Handler]:
    """A warm process of the handler."""
    with Handler(**ENVIRON) as running:
        yield running


def _outcome(
    handler: Handler, server: FaultyServer, case: Case, *, seconds: float = 20, **settings: object
) -> dict[str, Any]:
    """Return the outcome of one case with other `settings` than its own."""
    entry = case.target(server.port(case.scenario), server.ca_file, **settings)
    result, _ = handler.invoke(watching([entry], DEADLINE_S), seconds=seconds)
    return result["response"]["targets"][0]  # type: ignore[no-any-return]  # JSON


@pytest.mark.parametrize("version", MqttVersion)
def test_credentials_missing(server: FaultyServer, version: MqttVersion) -> None:
    """An environment without credentials is CredentialsUnavailable, before anything is connected to."""
    nowhere = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    with Handler(**nowhere) as poor:
        outcome = _outcome(poor, server, Case(scenario="healthy", version=version, mode="sigv4"))
    assert (outcome["phase"], outcome["failure"]) == ("credentials", "CredentialsUnavailable")


def test_placeholders_of_sam_are_no_credentials(server: FaultyServer) -> None:
    """What `sam local invoke` makes up reaches no endpoint, and the reason says how to pass real credentials."""
    before = server.seen("healthy")
    with Handler(AWS_ACCESS_KEY_ID="defaultkey", AWS_SECRET_ACCESS_KEY="defaultsecret", AWS_REGION="eu-west-1") as poor:
        outcome = _outcome(poor, server, Case(scenario="healthy", version=MqttVersion.V5, mode="sigv4"))
    assert (outcome["phase"], outcome["failure"]) == ("credentials", "CredentialsUnavailable")
    assert outcome["reason"].startswith("sam local invoke found no AWS credentials")
    assert "AWS_PROFILE" in outcome["reason"]
    assert server.seen("healthy") == before


@pytest.fixture(scope="module")
def slow_credentials(server: FaultyServer, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The outcomes of a healthy and of a silent endpoint where the credential chain is slow."""
    credentials = {"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRETS["secret_access_key"]}
    directory = tmp_path_factory.mktemp("aws")
    source, config = directory / "credentials.sh", directory / "config"
    source.write_text(f"sleep {PAUSE_S}\necho '{json.dumps(credentials)}'\n")
    config.write_text(f"[default]\ncredential_process = sh {source}\n")
    environ = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": str(config)}
    cases = [Case(scenario=id_, version=MqttVersion.V5, mode="sigv4") for id_ in ("healthy", "upgrade-silent")]

    def outcome(case: Case) -> dict[str, Any]:
        with Handler(**environ, AWS_SHARED_CREDENTIALS_FILE=os.devnull) as slow:
            return _outcome(slow, server, case)

    with ThreadPoolExecutor(len(cases)) as pool:
        return list(pool.map(outcome, cases))


def test_slow_credentials_are_not_in_the_connect(slow_credentials: list[dict[str, Any]]) -> None:
    """What the credential chain takes is in the whole attempt, and not in ConnectLatency."""
    outcome = slow_credentials[0]
    assert outcome["healthy"], outcome["reason"]
    in_connection_ms = outcome["connect_ms"] + outcome["disconnect_ms"]
    assert outcome["elapsed_ms"] >= PAUSE_S * 1000 + in_connection_ms - ROUNDING_MS
    assert phases_total_ms(outcome) <= outcome["connect_ms"] + ROUNDING_MS


def test_slow_credentials_are_in_the_deadline(slow_credentials: list[dict[str, Any]]) -> None:
    """The deadline and the time in the reason count from the attempt's start."""
    outcome = slow_credentials[1]
    assert outcome["failure"] == "UpgradeTimedOut"
    assert waited_s(outcome) >= DEADLINE_S - EARLY_S
    assert phases_total_ms(outcome) <= outcome["elapsed_ms"] - PAUSE_S * 1000 + ROUNDING_MS


def test_upgrade_request_of_several_tls_records(handler: Handler, server: FaultyServer) -> None:
    """A request that is longer than one record is one request: the CONNACK phase begins only after its answer."""
    case = Case(scenario="slow-upgrade", version=MqttVersion.V5, mode="signed-headers")
    outcome = _outcome(handler, server, case, authorizer_token_value="t" * 15_000)
    assert outcome["healthy"], outcome["reason"]
    assert outcome["phases_ms"]["upgrade"] >= PAUSE_S * 1000 - ROUNDING_MS


@pytest.mark.parametrize("comment", ["# Főtanúsítvány\n", "# 根\n"])
def test_bundle_with_comments_in_any_script(handler: Handler, server: FaultyServer, comment: str) -> None:
    """Public bundles name their authorities in comments, which concern neither the SDK nor the certificate check."""
    bundle = comment + Path(server.ca_file).read_text(encoding="ascii")
    entry = Case(scenario="healthy", version=MqttVersion.V5).target(server.port("healthy"), bundle)
    result, _ = handler.invoke(watching([entry], DEADLINE_S), seconds=10)
    (outcome,) = result["response"]["targets"]
    assert outcome["healthy"], outcome["reason"]
    assert outcome["certificate_days_left"] > 0


@pytest.mark.parametrize("version", MqttVersion)
def test_accept_where_refusal_is_expected(handler: Handler, server: FaultyServer, version: MqttVersion) -> None:
    """A healthy endpoint that should have turned the client away is UnexpectedAccept."""
    outcome = _outcome(handler, server, Case(scenario="healthy", version=version), expect="refuse")
    assert (outcome["healthy"], outcome["failure"]) == (False, "UnexpectedAccept")


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("scenario", ["http-401", "http-403", "connack-4-134", "connack-5-135"])
def test_refusal_where_refusal_is_expected(
    handler: Handler, server: FaultyServer, scenario: str, version: MqttVersion
) -> None:
    """An authentication refusal is healthy where it is expected."""
    outcome = _outcome(handler, server, Case(scenario=scenario, version=version), expect="refuse")
    assert outcome["healthy"], outcome["reason"]


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("scenario", ["port-closed", "certificate-expired", "http-429", "http-503", "connack-3-136"])
def test_network_failure_where_refusal_is_expected(
    handler: Handler, server: FaultyServer, scenario: str, version: MqttVersion
) -> None:
    """An unhealthy endpoint is a failure also where a refusal is expected."""
    case = Case(scenario=scenario, version=version)
    outcome = _outcome(handler, server, case, expect="refuse")
    assert (outcome["healthy"], outcome["failure"]) == (False, case.expected.failure)


def test_target_without_time_left(handler: Handler, server: FaultyServer) -> None:
    """A target that cannot be started in time is reported as DeadlineExceeded, not dropped."""
    outcome = _outcome(handler, server, Case(scenario="healthy", version=MqttVersion.V5), seconds=0.2)
    assert outcome["failure"] == "DeadlineExceeded"
    assert (outcome["connect_ms"], outcome["disconnect_ms"], outcome["phases_ms"]) == (None, None, {})


# -- many targets --------------------------------------------------------------------------------------------------


def test_hundred_targets_of_which_thirty_fail(handler: Handler, server: FaultyServer) -> None:
    """Ten that hang, ten that refuse and ten with bad certificates cost the seventy healthy ones nothing."""
    ids = ["healthy"] * 70 + ["upgrade-silent"] * 10 + ["http-403"] * 10 + ["certificate-untrusted"] * 10
    versions = list(MqttVersion)
    entries = [
        Case(scenario=id_, version=versions[i % 2]).target(server.port(id_), server.ca_file, name=f"{id_}-{i}")
        for i, id_ in enumerate(ids)
    ]
    result, printed = handler.invoke(watching(entries, 2 * DEADLINE_S), seconds=30)
    outcomes = result["response"]["targets"]
    assert [outcome["target"] for outcome in outcomes] == [entry["name"] for entry in entries]
    assert Counter(outcome["failure"] for outcome in outcomes) == {
        None: 70,
        "UpgradeTimedOut": 10,
        "UpgradeForbidden": 10,
        "CertificateUntrusted": 10,
    }
    healthy = [outcome["elapsed_ms"] for outcome in outcomes if outcome["healthy"]]
    assert max(healthy) < 2 * DEADLINE_S * 1000
    measured = [json.loads(line) for line in printed.splitlines() if '"ConnectSuccess"' in line]
    assert {(blob["Target"], blob["ConnectSuccess"][0]) for blob in measured} == {
        (outcome["target"], float(outcome["healthy"])) for outcome in outcomes
    }
