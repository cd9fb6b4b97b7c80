"""A targets document that is read from a reference: its writer is not the deployer, and may do less."""

import json
from collections.abc import Mapping

import pytest

from connect_canary.config.auth_rules import AUTH_RULES
from connect_canary.config.settings import SETTINGS
from connect_canary.model.target import AuthMode
from tests.unit.factories import ENDPOINT, REGION, document, pem, plan_or_problems, private_key
from tests.unit.fake_aws import FakeAws

PASSWORD = "HiddenPassword"
KEY = pem(private_key())
ELSEWHERE = "evil.example.com"
REFUSED = "a document that is read from a reference may name the canary's own endpoint and those in"


def _plan(
    aws: FakeAws, *entries: Mapping[str, object], event: object = None, **settings: str
) -> tuple[dict[str, dict[str, str]], str]:
    """Return the settings of each target that can run, secrets revealed, and the problems."""
    aws.parameters["/iot-connect-canary/fleet/targets"] = document(*entries)
    canary = {
        "CANARY_NAME": "fleet",
        "CANARY_ENDPOINT": ENDPOINT,
        "CANARY_TARGETS": "ssm:/iot-connect-canary/fleet/targets",
        **{f"CANARY_{key.upper()}": value for key, value in settings.items()},
    }
    plan, problems = plan_or_problems(event or {}, {"AWS_REGION": REGION, **canary})
    assert PASSWORD not in " ".join(problems)
    targets = [] if plan is None else [planned.target for planned in plan.planned]
    return {
        target.name: {
            "endpoint": target.endpoint,
            "client_id": target.client_id,
            "password": target.authorizer_password.reveal() if target.authorizer_password else "",
        }
        for target in targets
    }, " ".join(problems)


def test_own_endpoint_is_allowed_and_inherits_secrets(aws: FakeAws) -> None:
    """Named or not, in any case, with its port or without."""
    entries = [{"name": "a"}, {"name": "b", "endpoint": ENDPOINT.upper()}, {"name": "c", "endpoint": f"{ENDPOINT}:443"}]
    targets, problems = _plan(aws, *entries, auth_mode="custom-unsigned", authorizer_password=PASSWORD)
    assert problems == ""
    assert {target["password"] for target in targets.values()} == {PASSWORD}
    assert list(targets) == ["a", "b", "c"]


@pytest.mark.parametrize("endpoint", [ELSEWHERE, f"{ENDPOINT}:8883", f"{ENDPOINT}.{ELSEWHERE}", "127.0.0.1:22"])
def test_another_endpoint_is_refused(aws: FakeAws, endpoint: str) -> None:
    """It could receive secrets, and whoever names it could scan ports; other targets run."""
    targets, problems = _plan(aws, {"name": "own"}, {"name": "evil", "endpoint": endpoint})
    assert list(targets) == ["own"]
    assert problems == f"targets[1].endpoint is {endpoint!r}; {REFUSED} CANARY_ALLOWED_ENDPOINTS"


def test_endpoint_behind_a_plain_parameter_is_refused_too(aws: FakeAws) -> None:
    """The address counts, not how it is written; it is not shown."""
    aws.parameters["/evil"] = ELSEWHERE
    targets, problems = _plan(aws, {"name": "evil", "endpoint": "ssm:/evil"})
    assert targets == {}
    assert problems.startswith("targets[0].endpoint (from ssm:/evil) is '***'; a document")


def test_document_that_the_event_names_is_confined(aws: FakeAws) -> None:
    """Whatever the deployer's own document may do."""
    aws.parameters["/iot-connect-canary/fleet/other"] = document({"name": "evil", "endpoint": ELSEWHERE})
    event = {"targets": "ssm:/iot-connect-canary/fleet/other"}
    targets, problems = _plan(aws, event=event, targets=document({"name": "a", "endpoint": ELSEWHERE}))
    assert targets == {}
    assert REFUSED in problems


def test_parameter_for_each_target_is_confined(aws: FakeAws) -> None:
    """A path is a reference too."""
    aws.parameters["/iot-connect-canary/fleet/all/evil"] = json.dumps({"endpoint": ELSEWHERE})
    targets, problems = _plan(aws, {"name": "unused"}, targets="ssm:/iot-connect-canary/fleet/all/")
    assert targets == {}
    assert REFUSED in problems


def test_deployers_own_document_may_name_any_endpoint(aws: FakeAws) -> None:
    """It stands in the template's parameter or the environment, and inherits what stands beside it."""
    inline = document({"name": "a", "endpoint": ELSEWHERE})
    targets, problems = _plan(aws, targets=inline, auth_mode="custom-unsigned", authorizer_password=PASSWORD)
    assert problems == ""
    assert targets["a"] == {"endpoint": f"{ELSEWHERE}:443", "client_id": "", "password": PASSWORD}


@pytest.mark.parametrize("own", [ENDPOINT, f" {ENDPOINT}:443\n", f"{ENDPOINT}:8883"])
def test_own_endpoint_may_stand_in_a_parameter(aws: FakeAws, own: str) -> None:
    """It is the canary's own all the same, and no other one is."""
    aws.parameters["/endpoint"] = own
    entries = [{"name": "a", "endpoint": own.strip()}, {"name": "evil", "endpoint": ELSEWHERE}]
    targets, problems = _plan(
        aws, *entries, endpoint="ssm:/endpoint", auth_mode="custom-unsigned", authorizer_password=PASSWORD
    )
    assert {name: target["password"] for name, target in targets.items()} == {"a": PASSWORD}
    assert problems.startswith(f"targets[1].endpoint is {ELSEWHERE!r}; {REFUSED}")


def test_accounts_endpoint_is_the_canarys_own(aws: FakeAws) -> None:
    """Without CANARY_ENDPOINT it is asked for, and nothing else is allowed."""
    aws.endpoint = ENDPOINT
    entries = [{"name": "a"}, {"name": "b", "endpoint": ENDPOINT}, {"name": "evil", "endpoint": ELSEWHERE}]
    targets, problems = _plan(aws, *entries, endpoint="")
    assert list(targets) == ["a", "b"]
    assert problems.startswith(f"targets[2].endpoint is {ELSEWHERE!r}; {REFUSED}")


@pytest.mark.parametrize(
    ("allowed", "endpoint", "is_allowed"),
    [
        ("iot.example.com", "iot.example.com", True),
        ("iot.example.com", "IOT.example.com:8443", True),
        ("iot.example.com", "a.iot.example.com", False),
        ("iot.example.com", "iot.example.com.evil.example", False),
        ("iot.example.com:8443", "iot.example.com:8443", True),
        ("iot.example.com:8443", "iot.example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.Example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "aexample.com", False),
        ("one.example, *.two.example", "a.two.example", True),
        ("one.example, *.two.example", "three.example", False),
    ],
)
def test_allowed_endpoints(aws: FakeAws, allowed: str, endpoint: str, is_allowed: bool) -> None:  # noqa: FBT001
    """Exact hosts, or the domain after `*.`, on every port unless one is named."""
    targets, problems = _plan(aws, {"name": "a", "endpoint": endpoint}, allowed_endpoints=allowed)
    assert bool(targets) is is_allowed
    assert (REFUSED in problems) is not is_allowed


@pytest.mark.parametrize(
    ("allowed", "problem"),
    [
        ("https://a.example", "allowed: hosts, separated by commas, as in iot.example.com or *.example.com"),
        ("a.example b.example", "allowed: hosts, separated by commas, as in iot.example.com or *.example.com"),
        ("*", "allowed: hosts, separated by commas, as in iot.example.com or *.example.com"),
        ("*.com", "every AWS account has an endpoint in *.com; allowed: hosts, or a domain of your own"),
        (
            "*.iot.eu-west-1.amazonaws.com",
            (
                "every AWS account has an endpoint in *.iot.eu-west-1.amazonaws.com; "
                "allowed: hosts, or a domain of your own"
            ),
        ),
        (
            "ssm:/iot-connect-canary/fleet/allowed",
            "whoever may write what it refers to would decide where secrets go; allowed: the hosts themselves",
        ),
    ],
)
def test_allowed_endpoints_that_cannot_be_used(aws: FakeAws, allowed: str, problem: str) -> None:
    """An attacker's account has an endpoint in AWS's domain as well."""
    targets, problems = _plan(aws, {"name": "a"}, allowed_endpoints=allowed)
    assert targets == {}
    assert problems == f"CANARY_ALLOWED_ENDPOINTS is {allowed!r}; {problem}"


def test_secret_is_not_inherited_for_another_endpoint(aws: FakeAws) -> None:
    """Not even for one that is allowed; the sentence says where to write it instead."""
    targets, problems = _plan(
        aws,
        {"name": "inherits", "endpoint": "other.example"},
        {"name": "own", "endpoint": "other.example", "authorizer_password": "another"},
        {"name": "none", "endpoint": "other.example", "authorizer_password": ""},
        allowed_endpoints="other.example",
        auth_mode="custom-unsigned",
        authorizer_password=PASSWORD,
    )
    assert {name: target["password"] for name, target in targets.items()} == {"own": "another", "none": ""}
    assert problems == (
        "CANARY_AUTHORIZER_PASSWORD is not sent to another endpoint than the canary's own; "
        "set authorizer_password beside targets[0].endpoint"
    )


SENT = {
    "sigv4": set[str](),
    "sigv4-static": {"access_key_id", "secret_access_key", "session_token"},
    "custom-unsigned": {"authorizer_password"},
    "custom-signed": {
        *("authorizer_password", "authorizer_token_value"),
        *("authorizer_token_signature", "authorizer_signing_key"),
    },
}


@pytest.mark.parametrize("mode", AuthMode)
def test_secrets_of_each_mode(mode: AuthMode) -> None:
    """What the endpoint gets of them, or what is signed with them: that and no more is not inherited."""
    assert set(AUTH_RULES[mode].secrets) == SENT[mode]


def test_secrets_of_other_modes_do_not_stop_a_target(aws: FakeAws) -> None:
    """They are not sent, so they need not be repeated."""
    entry = {"name": "a", "endpoint": "other.example", "auth_mode": "sigv4"}
    targets, problems = _plan(
        aws, entry, allowed_endpoints="other.example", auth_mode="custom-unsigned", authorizer_password=PASSWORD
    )
    assert problems == ""
    assert targets["a"]["password"] == ""


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.secret and not setting.is_global])
def test_each_secret_belongs_to_a_mode(setting: object) -> None:
    """Or it would be inherited without a sentence."""
    assert any(getattr(setting, "key", "") in rules.secrets for rules in AUTH_RULES.values())


@pytest.mark.parametrize("key", ["endpoint", "client_id", "client_id_prefix", "signing_region"])
@pytest.mark.parametrize("reference", ["secretsmanager:s", "secretsmanager:json#k", "ssm:/secure"])
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "referenced"])
def test_printed_field_of_a_document_is_no_secret(aws: FakeAws, key: str, reference: str, inline: bool) -> None:  # noqa: FBT001
    """It would stand in the log: not from Secrets Manager, and not from a SecureString."""
    aws.secrets = {"s": PASSWORD, "json": json.dumps({"k": PASSWORD})}
    aws.parameters["/secure"], aws.encrypted = PASSWORD, {"/secure"}
    entry = {"name": "a", key: reference}
    targets, problems = _plan(aws, entry, **({"targets": document(entry)} if inline else {}))
    assert targets == {}
    sentence = f"targets[0].{key} (from {reference}) is '***'; it is printed; allowed: a value, or a parameter of type"
    assert sentence in problems


def test_printed_field_may_be_a_plain_parameter(aws: FakeAws) -> None:
    """Of type String."""
    aws.parameters["/id"] = "device-7"
    targets, problems = _plan(aws, {"name": "a", "client_id": "ssm:/id"})
    assert (targets["a"]["client_id"], problems) == ("device-7", "")


def test_deployer_may_read_a_client_id_from_a_secret(aws: FakeAws) -> None:
    """What stands in the environment is his own choice."""
    aws.secrets = {"id": "device-7"}
    targets, problems = _plan(aws, {"name": "a"}, client_id="secretsmanager:id")
    assert (targets["a"]["client_id"], problems) == ("device-7", "")
