"""References: which calls reach AWS, how often, and the sentence for every error."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from aws_lambda_powertools.utilities.parameters import base as powertools_base

from connect_canary.config import entries
from connect_canary.config.problems import SettingsError
from connect_canary.config.references import ReferenceResolver
from connect_canary.config.settings import TARGET_SETTINGS
from connect_canary.config.targets_document import TargetEntry, read_document
from connect_canary.model.secret import Secret
from connect_canary.model.target import Expect
from connect_canary.run import dry_run_response, plan_run
from tests.unit.factories import ENDPOINT, REGION, document, environment, plan_of, problems_of
from tests.unit.fake_aws import FakeAws

OWN = "/iot-connect-canary/fleet"
# How a service is called: tests/integration/test_service_timeouts.py measures these.
MAX_ATTEMPTS, READ_TIMEOUT_S = 2, 4


def _refused(lookup: ReferenceResolver, reference: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        lookup.fetch(reference)
    return str(caught.value)


def test_parameter_is_fetched(aws: FakeAws) -> None:
    """By its full name, or a name without a path."""
    aws.parameters = {"/a/b": "value", "plain": "other"}
    assert ReferenceResolver(REGION).fetch("ssm:/a/b").reveal() == "value"
    assert ReferenceResolver(REGION).fetch("ssm:plain").reveal() == "other"


def test_secure_string_is_decrypted(aws: FakeAws) -> None:
    """SSM returns ciphertext unless decryption is requested, for a parameter and for a path."""
    aws.parameters = {"/one": "text of one", "/t/a": "text of a", "/t/b": "text of b", "/t/c": "text of c"}
    aws.encrypted = set(aws.parameters)
    assert ReferenceResolver(REGION).fetch("ssm:/one").reveal() == "text of one"
    assert ReferenceResolver(REGION).get_by_path("ssm:/t/") == {name: Secret(f"text of {name}") for name in "abc"}
    calls = [(request.operation, request.body["WithDecryption"]) for request in aws.requests]
    assert calls == [("GetParameter", True), *[("GetParametersByPath", True)] * 2]


@pytest.mark.parametrize("region", ["eu-west-1", "us-west-2"])
def test_every_service_is_asked_in_the_region_given(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """The signature of each request names it, whatever the region of boto3's own is."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    aws.parameters, aws.secrets, aws.endpoint = {"/a": "x", "/t/b": "x"}, {"s": "x"}, ENDPOINT
    lookup = ReferenceResolver(region)
    lookup.fetch("ssm:/a")
    lookup.get_by_path("ssm:/t/")
    lookup.fetch("secretsmanager:s")
    lookup.account_endpoint("")
    assert [(request.operation, request.region) for request in aws.requests] == [
        ("GetParameter", region),
        ("GetParametersByPath", region),
        ("GetSecretValue", region),
        ("DescribeEndpoint", region),
    ]


def test_secret_is_fetched_whole_or_by_key(aws: FakeAws) -> None:
    """A JSON secret has keys; a number is as good as its text."""
    aws.secrets = {"a": "text", "b": json.dumps({"user": "u", "port": 7, "#": "hash"}), "c": "grün".encode()}

    def fetch(reference: str) -> str:
        return ReferenceResolver(REGION).fetch(reference).reveal()

    assert fetch("secretsmanager:a") == "text"
    assert fetch("secretsmanager:b") == aws.secrets["b"]
    assert (fetch("secretsmanager:b#user"), fetch("secretsmanager:b#port")) == ("u", "7")
    assert fetch("secretsmanager:b##") == "hash"
    assert fetch("secretsmanager:c") == "grün"


def test_secret_is_found_by_its_arn(aws: FakeAws) -> None:
    """An ARN is full of colons."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:iot-connect-canary/fleet/key-AbCdEf"
    aws.secrets = {arn: '{"k": "v"}'}
    assert ReferenceResolver(REGION).fetch(f"secretsmanager:{arn}#k").reveal() == "v"


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("ssm:/missing", "ParameterNotFound"),
        (
            "secretsmanager:missing",
            "ResourceNotFoundException: can't find the specified secret.",
        ),
        ("ssm:/denied", "AccessDeniedException: not authorized to perform GetParameter"),
        ("secretsmanager:text#key", "the secret is no JSON object, so it has no keys"),
        ("secretsmanager:deep#key", "the secret is no JSON object, so it has no keys"),
        ("secretsmanager:json#other", "the secret has no key 'other' with a string or a number"),
        ("secretsmanager:json#flag", "the secret has no key 'flag' with a string or a number"),
        ("secretsmanager:list#key", "the secret has no key 'key' with a string or a number"),
        (
            "secretsmanager:binary",
            "the secret is binary; allowed: text in UTF-8 (base64:... for a binary password)",
        ),
    ],
)
def test_what_cannot_be_fetched_gets_one_sentence(aws: FakeAws, reference: str, sentence: str) -> None:
    """AWS's code and message, and nothing of the secret."""
    aws.denied = {"/denied"}
    aws.secrets = {
        "text": "hidden",
        "deep": "[" * 60_000,
        "json": '{"key": "hidden", "flag": true}',
        "list": '["hidden"]',
        "binary": b"hidden\xff",
    }
    assert _refused(ReferenceResolver(REGION), reference) == sentence


def test_name_that_aws_does_not_allow_gets_one_line(aws: FakeAws) -> None:
    """Botocore's own complaints have several."""
    sentence = _refused(ReferenceResolver(REGION), "secretsmanager:#key")
    assert sentence.startswith("ParamValidationError: Parameter validation failed: ")
    assert "\n" not in sentence
    assert aws.calls == []


def test_aws_that_is_not_there_gets_one_sentence(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable SSM is reported."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1")
    assert _refused(ReferenceResolver(REGION), "ssm:/a").startswith("EndpointConnectionError: Could not connect")
    assert aws.calls == []


def test_no_credentials_get_one_sentence(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a laptop without a profile."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert _refused(ReferenceResolver(REGION), "ssm:/a") == "NoCredentialsError: Unable to locate credentials"
    assert aws.calls == []


def test_path_is_read_page_by_page(aws: FakeAws) -> None:
    """SSM gives ten at a time."""
    aws.parameters = {f"/t/{n}": str(n) for n in range(5)}
    assert ReferenceResolver(REGION).get_by_path("ssm:/t/") == {str(n): Secret(str(n)) for n in range(5)}
    assert aws.calls == ["GetParametersByPath /t/"] * 3


def test_path_is_read_to_its_depths(aws: FakeAws) -> None:
    """Every parameter below the path is a target, however its name goes on."""
    aws.parameters = {"/t/prod": "{}", "/t/eu/staging": "{}", "/other": "{}"}
    assert {planned.target.name for planned in plan_of(targets="ssm:/t/").planned} == {"prod", "staging"}


def test_run_asks_for_a_reference_once(aws: FakeAws) -> None:
    """A hundred targets share a default, also one that cannot be fetched."""
    aws.parameters = {"/id": "test-one"}
    text = document(*({"name": f"t{n}", "endpoint": f"t{n}.test", "authorizer_name": "ssm:/no"} for n in range(100)))
    problems = problems_of(targets=text, client_id="ssm:/id")
    assert len(problems) == 100
    assert problems[0] == "targets[0].authorizer_name refers to ssm:/no: ParameterNotFound"
    assert sorted(aws.calls) == ["GetParameter /id", "GetParameter /no"]


def test_values_are_kept_from_run_to_run(aws: FakeAws) -> None:
    """The next run a minute later repeats only what failed."""
    aws.parameters = {"/a": "old"}
    assert ReferenceResolver(REGION).fetch("ssm:/a").reveal() == "old"
    aws.parameters = {"/a": "new"}
    assert ReferenceResolver(REGION).fetch("ssm:/a").reveal() == "old"
    assert ReferenceResolver(REGION).refreshing().fetch("ssm:/a").reveal() == "new"
    assert ReferenceResolver(REGION).fetch("ssm:/a").reveal() == "new"
    assert _refused(ReferenceResolver(REGION), "ssm:/b") == _refused(ReferenceResolver(REGION), "ssm:/b")
    assert aws.calls == ["GetParameter /a"] * 2 + ["GetParameter /b"] * 2


_KEPT_REFERENCES: Mapping[str, Callable[[ReferenceResolver], str]] = {
    "GetParameter": lambda lookup: lookup.fetch("ssm:/a").reveal(),
    "GetParametersByPath": lambda lookup: lookup.get_by_path("ssm:/t/")["b"].reveal(),
    "GetSecretValue": lambda lookup: lookup.fetch("secretsmanager:s").reveal(),
}


@pytest.mark.parametrize("operation", _KEPT_REFERENCES)
def test_value_is_kept_for_five_minutes_and_no_longer(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """Only the clock that Powertools reads is moved on; its own variable for the age does not count here."""
    monkeypatch.setenv("POWERTOOLS_PARAMETERS_MAX_AGE", "5")
    read = _KEPT_REFERENCES[operation]

    def later(seconds: float) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return super().now(tz) + timedelta(seconds=seconds)

        monkeypatch.setattr(powertools_base, "datetime", Clock)

    def write(value: str) -> None:
        aws.parameters, aws.secrets = {"/a": value, "/t/b": value}, {"s": value}

    write("old")
    assert read(ReferenceResolver(REGION)) == "old"
    write("new")
    later(280)
    assert read(ReferenceResolver(REGION)) == "old"
    later(301)
    assert read(ReferenceResolver(REGION)) == "new"
    assert [request.operation for request in aws.requests] == [operation] * 2


@pytest.mark.parametrize("operation", _KEPT_REFERENCES)
def test_forced_fetch_asks_again_and_renews_what_is_kept(aws: FakeAws, operation: str) -> None:
    """After a refusal a kept value proves nothing; what is read then is kept for the runs that follow."""
    read = _KEPT_REFERENCES[operation]
    aws.parameters, aws.secrets = {"/a": "old", "/t/b": "old"}, {"s": "old"}
    assert read(ReferenceResolver(REGION)) == "old"
    aws.parameters, aws.secrets = {"/a": "new", "/t/b": "new"}, {"s": "new"}
    assert read(ReferenceResolver(REGION)) == "old"
    assert read(ReferenceResolver(REGION).refreshing()) == "new"
    assert read(ReferenceResolver(REGION)) == "new"
    assert [request.operation for request in aws.requests] == [operation] * 2


def test_threads_that_ask_for_the_same_share_one_answer(aws: FakeAws) -> None:
    """Many targets notice the same rotated secret at the same time."""
    aws.secrets = {"a": "value"}
    fresh = ReferenceResolver(REGION).refreshing()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(fresh.fetch, ["secretsmanager:a"] * 32))
    assert {answer.reveal() for answer in answers} == {"value"}
    assert aws.calls == ["GetSecretValue a"]


def test_many_references_are_asked_for_ahead_each_once(aws: FakeAws) -> None:
    """A thousand targets with a secret each are fetched concurrently; errors are raised later."""
    names = [f"/ahead/{number}" for number in range(40)]
    aws.parameters = {name: f"value of {name}" for name in names[1:]}
    aws.secrets = {"ahead": "secret"}
    lookup = ReferenceResolver(REGION)
    lookup.prefetch(["secretsmanager:ahead", *(f"ssm:{name}" for name in names)])
    assert sorted(aws.calls) == sorted(["GetSecretValue ahead", *(f"GetParameter {name}" for name in names)])
    assert [lookup.fetch(f"ssm:{name}").reveal() for name in names[1:]] == [f"value of {name}" for name in names[1:]]
    assert _refused(lookup, f"ssm:{names[0]}").startswith("ParameterNotFound")
    assert len(aws.calls) == len(names) + 1


def test_endpoint_is_asked_for_once_a_process(aws: FakeAws) -> None:
    """Every target and every run without an endpoint of its own."""
    aws.endpoint = ENDPOINT
    text = document({"name": "a"}, {"name": "b"})
    for _ in range(2):
        plan = plan_of(targets=text, endpoint="")
        assert {planned.target.host for planned in plan.planned} == {ENDPOINT}
    assert aws.calls == [f"DescribeEndpoint {REGION}"]


def test_endpoint_is_asked_for_where_it_is_signed_for(aws: FakeAws) -> None:
    """A signature for another region than the endpoint's would always be refused; without one, no service is called."""
    aws.endpoint = ENDPOINT
    away = {"signing_region": "us-west-2"}
    plan_of(targets=document({"name": "a"}, {"name": "b", **away}, {"name": "c", **away}), endpoint="")
    assert aws.calls == [f"DescribeEndpoint {REGION}", "DescribeEndpoint us-west-2"]
    assert problems_of(endpoint="", signing_region="nowhere") == (
        "CANARY_SIGNING_REGION is 'nowhere'; allowed: a region such as eu-west-1 (default: AWS_REGION)",
    )


def test_endpoint_that_aws_tells_and_that_cannot_be_used(aws: FakeAws) -> None:
    """The problem names where it comes from."""
    aws.endpoint = "a.iot.eu-west-1.amazonaws.com"
    (problem,) = problems_of(endpoint="")
    assert problem.startswith("iot:DescribeEndpoint is 'a.iot.eu-west-1.amazonaws.com'; this legacy name ")


def test_endpoint_that_aws_does_not_tell_is_a_problem_of_each_target(aws: FakeAws) -> None:
    """Requested once, reported for every target that needs it."""
    text = document({"name": "a"}, {"name": "b", "endpoint": ENDPOINT}, {"name": "c", "mqtt_version": "4"})
    assert problems_of(targets=text, endpoint="") == (
        "targets[0].endpoint is not set, and iot:DescribeEndpoint failed: 403: no IoT here",
        "targets[2].endpoint is not set, and iot:DescribeEndpoint failed: 403: no IoT here",
        "targets[2].mqtt_version is '4'; allowed: 5, 3.1.1",
    )
    assert aws.calls == [f"DescribeEndpoint {REGION}"]


def test_any_setting_can_be_a_reference(aws: FakeAws) -> None:
    """Also those of the canary itself."""
    aws.parameters = {
        "/name": "fleet",
        "/concurrent": "7",
        "/mode": " custom-unsigned\n",
        "/expect": "refuse",
        "/e": "e.test:8443",
        "/password": " with space ",
    }
    plan = plan_of(
        name="ssm:/name",
        max_concurrent_connects="ssm:/concurrent",
        auth_mode="ssm:/mode",
        expect="ssm:/expect",
        endpoint="ssm:/e",
        authorizer_password="ssm:/password",
    )
    (planned,) = plan.planned
    assert (plan.canary, plan.max_concurrent_connects) == ("fleet", 7)
    assert (planned.target.endpoint, planned.target.auth_mode) == ("e.test:8443", "custom-unsigned")
    assert planned.target.expect is Expect.REFUSE
    assert planned.target.authorizer_password is not None
    assert planned.target.authorizer_password.reveal() == " with space "
    assert planned.has_references


def test_bad_value_behind_a_reference_is_masked(aws: FakeAws) -> None:
    """A reference may point at the wrong secret."""
    aws.secrets = {"wrong": "hidden"}
    problems = problems_of(
        **dict.fromkeys(("name", "max_concurrent_connects", "endpoint", "auth_mode"), "secretsmanager:wrong"),
    )
    assert "hidden" not in " ".join(problems)
    assert problems[1] == (
        "CANARY_AUTH_MODE (from secretsmanager:wrong) is '***'; "
        "allowed: sigv4, sigv4-static, custom-unsigned, custom-signed"
    )


def test_missing_parameter_does_not_hide_other_problems(aws: FakeAws) -> None:
    """What could not be fetched has one sentence, and the rules look at the rest."""
    assert aws.parameters == {}
    assert problems_of(name="ssm:/n", endpoint="ssm:/e", ca_file="ssm:/c", mqtt_version="4", expect="ssm:/x") == (
        "CANARY_NAME refers to ssm:/n: ParameterNotFound",
        "CANARY_ENDPOINT refers to ssm:/e: ParameterNotFound",
        "CANARY_CA_FILE refers to ssm:/c: ParameterNotFound",
        "CANARY_EXPECT refers to ssm:/x: ParameterNotFound",
        "CANARY_MQTT_VERSION is '4'; allowed: 5, 3.1.1",
    )


@pytest.mark.parametrize("key", [setting.key for setting in TARGET_SETTINGS if setting.choices])
@pytest.mark.usefixtures("aws")
def test_choice_that_could_not_be_fetched_is_the_only_problem(key: str) -> None:
    """Nothing that depends on it is looked at."""
    name = f"CANARY_{key.upper()}"
    assert problems_of(**{key: "ssm:/x"}) == (f"{name} refers to ssm:/x: ParameterNotFound",)


def test_endpoint_of_a_region_that_could_not_be_fetched_is_not_asked_for(aws: FakeAws) -> None:
    """It would be another region's."""
    aws.endpoint = ENDPOINT
    problems = problems_of(endpoint="", signing_region="ssm:/x")
    assert problems == ("CANARY_SIGNING_REGION refers to ssm:/x: ParameterNotFound",)
    assert aws.calls == ["GetParameter /x"]


SIGNED = {"authorizer_token_key_name": "t", "authorizer_token_value": "v", "authorizer_token_signature": "c2ln"}
STATIC = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s", "session_token": "t"}
UNSIGNED = {"authorizer_username": "u", "authorizer_password": "p"}
COMPLETE = {"custom-signed": SIGNED, "custom-unsigned": UNSIGNED, "sigv4-static": STATIC}
UNREAD = [(mode, key) for mode, values in COMPLETE.items() for key in values]


@pytest.mark.parametrize(("mode", "key"), [*UNREAD, ("custom-signed", "authorizer_signing_key")])
def test_target_whose_secret_cannot_be_read(aws: FakeAws, mode: str, key: str) -> None:
    """In every mode and for every setting that it needs: one sentence, and the other targets run."""
    assert aws.parameters == {}
    values = {**COMPLETE[mode], key: "ssm:/gone"}
    if key == "authorizer_signing_key":
        del values["authorizer_token_signature"]
    made = plan_of(targets=document({"name": "lost", "auth_mode": mode, **values}, {"name": "good"}))
    assert [planned.target.name for planned in made.planned] == ["good"]
    assert made.problems == (f"targets[0].{key} refers to ssm:/gone: ParameterNotFound",)


def test_targets_are_read_from_a_parameter_or_a_secret(aws: FakeAws) -> None:
    """The whole document."""
    aws.parameters = {"/targets": document({"name": "a"})}
    aws.secrets = {"targets": document({"name": "b"})}
    names = [plan_of(targets=text).planned[0].target.name for text in ("ssm:/targets", "secretsmanager:targets")]
    assert names == ["a", "b"]


def test_targets_are_read_from_a_path(aws: FakeAws) -> None:
    """One parameter a target; a bad one does not silence the others."""
    aws.parameters = {f"/t/{name}": "{}" for name in "abc"} | {"/t/d": "no JSON"}
    plan = plan_of(targets="ssm:/t/")
    assert [planned.target.name for planned in plan.planned] == ["a", "b", "c"]
    assert plan.problems == ("ssm:/t/d is not JSON: Expecting value at line 1, column 1",)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("ssm:/missing", "CANARY_TARGETS refers to ssm:/missing: ParameterNotFound"),
        ("ssm:/none/", "CANARY_TARGETS refers to ssm:/none/: ssm:/none/ holds no parameter; "),
        ("secretsmanager:bad", "CANARY_TARGETS refers to secretsmanager:bad: CANARY_TARGETS is not JSON: "),
    ],
)
def test_targets_that_cannot_be_read_are_one_problem(aws: FakeAws, reference: str, sentence: str) -> None:
    """Nothing runs then, and nothing of the document is shown."""
    aws.secrets = {"bad": "hidden"}
    (problems,) = problems_of(targets=reference)
    assert problems.startswith(sentence)
    assert "hidden" not in problems


def test_event_chooses_a_document_in_the_canarys_own_place(aws: FakeAws) -> None:
    """How many invocations share thousands of targets."""
    aws.parameters = {f"{OWN}/shards/1": document({"name": "a"}), f"{OWN}/shards/2/b": "{}"}
    for path, name, shard in (("shards/1", "a", "1"), ("shards/2/", "b", "2")):
        plan = plan_of({"targets": f"ssm:{OWN}/{path}"}, name="fleet", targets="ssm:/other")
        assert [planned.target.name for planned in plan.planned] == [name]
        assert plan.shard == shard


def test_dry_run_hides_what_comes_from_a_secret(aws: FakeAws) -> None:
    """A user name from Secrets Manager is masked, whether it is its own secret or part of a document."""
    aws.secrets = {"s": '{"user": "HIDDEN"}', "d": document({"name": "a", "authorizer_username": "HIDDEN"})}
    alone = plan_of(auth_mode="custom-unsigned", authorizer_username="secretsmanager:s#user", authorizer_name="shown")
    whole = plan_of(auth_mode="custom-unsigned", targets="secretsmanager:d")
    assert "HIDDEN" not in str(dry_run_response(alone)) + str(dry_run_response(whole))
    aws.secrets["wrong"] = document({"name": "a", "authorizer_username": "HIDDEN\x01"})
    assert problems_of(auth_mode="custom-unsigned", targets="secretsmanager:wrong") == (
        "targets[0].authorizer_username is '***'; allowed: no control characters",
    )
    assert alone.planned[0].as_dict().items() >= {"authorizer_username": "***", "authorizer_name": "shown"}.items()


def test_dry_run_shows_the_names_in_a_document_of_ssm(aws: FakeAws) -> None:
    """Only what may hold secrets is masked as a whole."""
    aws.parameters = {"/d": document({"name": "a", "authorizer_username": "someone"})}
    (planned,) = plan_of(auth_mode="custom-unsigned", targets="ssm:/d").planned
    assert planned.as_dict()["authorizer_username"] == "someone"


def test_broken_parameter_has_the_name_of_its_target(aws: FakeAws) -> None:
    """A run of the others does not report it; its own does, and knows it."""
    aws.parameters = {"/t/good": "{}", "/t/broken": "no JSON"}
    assert plan_of({"only": ["good"]}, targets="ssm:/t/").problems == ()
    assert problems_of({"only": ["broken"]}, targets="ssm:/t/") == (
        "ssm:/t/broken is not JSON: Expecting value at line 1, column 1",
    )


def test_refreshed_target_has_the_rotated_secret(aws: FakeAws) -> None:
    """Values are kept; after an authentication failure they are fetched again."""
    aws.secrets = {"p": '{"password": "old"}'}
    (planned,) = plan_of(auth_mode="custom-unsigned", authorizer_password="secretsmanager:p#password").planned
    aws.secrets = {"p": '{"password": "new"}'}
    assert planned.target.authorizer_password is not None
    assert planned.target.authorizer_password.reveal() == "old"
    fresh = planned.refresh().authorizer_password
    assert fresh is not None
    assert fresh.reveal() == "new"
    assert planned.refresh() != planned.target


@pytest.mark.parametrize("where", ["ssm:/doc", "ssm:/t/", "secretsmanager:doc"])
def test_refreshed_target_has_what_a_rotated_document_says(aws: FakeAws, where: str) -> None:
    """A document may hold the secrets itself."""
    entry = {"auth_mode": "custom-unsigned", "authorizer_password": "old"}

    def write(password: str) -> None:
        written = {**entry, "authorizer_password": password}
        text = document({"name": "other"}, {"name": "a", **written})
        aws.parameters = {"/doc": text, "/t/a": json.dumps(written)}
        aws.secrets = {"doc": text}

    write("old")
    planned = plan_of({"only": ["a"]}, targets=where).planned[0]
    assert planned.has_references
    write("new")
    assert planned.refresh().authorizer_password == Secret("new")


def test_rotated_document_is_read_once_for_all_its_targets(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """When hundreds are refused at once, each of them reading all of it would cost seconds of processor time."""
    aws.parameters = {"/doc": document(*({"name": f"t{i}"} for i in range(20)))}
    planned = plan_of(targets="ssm:/doc").planned
    read: list[str] = []

    def reading(text: str, origin: str) -> tuple[list[TargetEntry], list[str]]:
        read.append(origin)
        return read_document(text, origin)

    monkeypatch.setattr(entries, "read_document", reading)
    assert [one.refresh() for one in planned] == [one.target for one in planned]
    assert len(read) == 1


def test_refreshed_target_that_is_no_longer_in_its_document_raises(aws: FakeAws) -> None:
    """It was removed in the meantime."""
    aws.parameters = {"/doc": document({"name": "a"})}
    (planned,) = plan_of(targets="ssm:/doc").planned
    aws.parameters = {"/doc": document({"name": "b"})}
    with pytest.raises(SettingsError, match=r"^ssm:/doc has no target 'a' any more$"):
        planned.refresh()


def test_refreshed_target_whose_secret_is_gone_raises(aws: FakeAws) -> None:
    """Then the first answer stands."""
    aws.parameters = {"/u": "user"}
    (planned,) = plan_of(auth_mode="custom-unsigned", authorizer_username="ssm:/u").planned
    aws.parameters = {}
    with pytest.raises(SettingsError, match=r"^CANARY_AUTHORIZER_USERNAME refers to ssm:/u: ParameterNotFound$"):
        planned.refresh()


def test_region_comes_from_aws_region(aws: FakeAws) -> None:
    """Boto3 itself looks at AWS_DEFAULT_REGION only, which is not set here."""
    aws.parameters = {"/id": "test-one"}
    assert plan_run({}, environment(client_id="ssm:/id")).planned[0].target.client_id == "test-one"
    assert _refused(ReferenceResolver(""), "ssm:/id") == "no region to ask in is set; set AWS_REGION"


def test_service_that_cannot_be_reached_is_waited_for_once(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many targets have a secret there, those without one have their run before Lambda ends it."""
    aws.secrets = {"s": "secret"}
    entry = {"auth_mode": "custom-unsigned"}
    lost = [{"name": f"lost{i}", "authorizer_password": f"ssm:/p/{i}", **entry} for i in range(50)]
    good = [{"name": "good"}, {"name": "secret", "authorizer_password": "secretsmanager:s", **entry}]
    with _hanging_up() as (nowhere, visits):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", nowhere)
        made = plan_of(targets=document(*lost, *good))
    assert [planned.target.name for planned in made.planned] == ["good", "secret"]
    assert len(made.problems) == len(lost)
    assert len(visits) == MAX_ATTEMPTS


@pytest.mark.usefixtures("aws")
def test_silent_service_takes_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets without references run; the others are reported before the service would time out."""
    targets = document(
        {"name": "good"},
        {"name": "lost", "auth_mode": "custom-unsigned", "authorizer_password": "ssm:/p"},
        {"name": "late", "auth_mode": "custom-unsigned", "authorizer_password": "ssm:/q"},
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        made = plan_run({}, environment(targets=targets), deadline=began + 1)
    assert time.monotonic() - began < READ_TIMEOUT_S
    assert [planned.target.name for planned in made.planned] == ["good"]
    assert made.problems == (
        "targets[1].authorizer_password refers to ssm:/p: no answer in the time that a run has for references",
        "targets[2].authorizer_password refers to ssm:/q: no answer in the time that a run has for references",
    )


def test_silent_service_takes_no_time_from_another(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Secrets Manager has is read while SSM is waited for."""
    aws.secrets = {f"s{n}": "secret" for n in range(3)}
    entry = {"auth_mode": "custom-unsigned"}
    lost = {"name": "lost", "authorizer_password": "ssm:/p", **entry}
    good = [{"name": f"good{n}", "authorizer_password": f"secretsmanager:s{n}", **entry} for n in range(3)]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{silent.getsockname()[1]}")
        made = plan_run({}, environment(targets=document(lost, *good)), deadline=time.monotonic() + 10)
    assert [planned.target.name for planned in made.planned] == ["good0", "good1", "good2"]


@contextmanager
def _hanging_up() -> Iterator[tuple[str, list[object]]]:
    """Yield the URL of a service that closes every connection, and the list of its connections."""
    visits: list[object] = []

    class RequestHandler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            visits.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), RequestHandler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", visits
        server.shutdown()
        serving.join()
