"""The plan: what the event requests, which targets run, and which problems the others have."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.config.event import shard_name
from connect_canary.config.problems import SettingsError
from connect_canary.config.settings import BY_KEY
from connect_canary.run import plan_run
from tests.unit.factories import ENDPOINT, document, environment, plan_of, plan_or_problems, problems_of

TWO = document({"name": "prod"}, {"name": "stage", "mqtt_version": "3.1.1"})
ONE_BAD = document({"name": "prod"}, {"name": "bad", "mqtt_version": "4"}, {"name": "stage"})
# Settings that read no file and call no service, with any text.
HARMLESS = [setting.variable for setting in BY_KEY.values() if setting.key not in {"ca_file", "endpoint"}]
TEXT = st.text(st.characters(exclude_characters=":"))


def _names(**settings: str) -> list[str]:
    return [planned.target.name for planned in plan_of(**settings).planned]


def test_plan_without_document_has_one_target() -> None:
    """The variables alone describe the target `default`."""
    plan = plan_of()
    assert [planned.target.name for planned in plan.planned] == ["default"]
    assert (plan.canary, plan.max_concurrent_connects, plan.dry_run) == ("iot-connect-canary", 100, False)


def test_plan_is_named_after_the_function_unless_told() -> None:
    """In Lambda the function's name is there; the setting goes before it."""
    environ = {**environment(), "AWS_LAMBDA_FUNCTION_NAME": "fleet-fn"}
    assert plan_run({}, environ).canary == "fleet-fn"
    assert plan_run({}, {**environ, "CANARY_NAME": "fleet"}).canary == "fleet"


def test_plan_signs_for_the_region_that_lambda_tells() -> None:
    """AWS_REGION, then AWS_DEFAULT_REGION, then the endpoint's name; the setting has precedence."""
    environ = environment()
    del environ["AWS_REGION"]

    def region(**more: str) -> str:
        return plan_run({}, {**environ, **more}).planned[0].target.signing_region

    assert region() == "eu-west-1"
    assert region(AWS_DEFAULT_REGION="us-east-1") == "us-east-1"
    assert region(AWS_DEFAULT_REGION="us-east-1", AWS_REGION="us-east-2") == "us-east-2"
    assert region(CANARY_SIGNING_REGION="us-west-2", AWS_REGION="us-east-2") == "us-west-2"


def test_plan_without_any_region_says_so() -> None:
    """A custom domain does not contain its region."""
    with pytest.raises(SettingsError) as caught:
        plan_run({}, {"CANARY_ENDPOINT": "iot.example.com"})
    assert caught.value.problems == (
        "CANARY_SIGNING_REGION is not set; allowed: a region such as eu-west-1 (default: AWS_REGION)",
    )


def test_bad_target_does_not_silence_the_others() -> None:
    """The good ones run; the bad one is a problem that the run raises afterwards."""
    plan = plan_of(targets=ONE_BAD)
    assert [planned.target.name for planned in plan.planned] == ["prod", "stage"]
    assert plan.problems == ("targets[1].mqtt_version is '4'; allowed: 5, 3.1.1",)


def test_plan_without_any_usable_target_raises() -> None:
    """An empty run would report nothing."""
    with pytest.raises(SettingsError) as caught:
        plan_of(targets=document({"name": "bad", "expect": "x"}))
    assert caught.value.problems == ("targets[0].expect is 'x'; allowed: connect, refuse",)


def test_mistake_of_the_canary_itself_stops_every_target() -> None:
    """An unknown variable is a misspelt setting of all of them."""
    with pytest.raises(SettingsError) as caught:
        plan_of(targets=ONE_BAD, mqtt_versoin="5")
    assert caught.value.problems == (
        "CANARY_MQTT_VERSOIN is not a setting; did you mean CANARY_MQTT_VERSION?",
        "targets[1].mqtt_version is '4'; allowed: 5, 3.1.1",
    )


def test_event_only_runs_the_targets_it_names() -> None:
    """In the document's order, each once."""
    plan = plan_of({"only": ["stage", "prod", "stage"]}, targets=TWO)
    assert [planned.target.name for planned in plan.planned] == ["prod", "stage"]
    assert [p.target.name for p in plan_of({"only": ["stage"]}, targets=TWO).planned] == ["stage"]


def test_event_only_knows_the_target_of_the_variables() -> None:
    """Without a document there is one name."""
    assert len(plan_of({"only": ["default"]}).planned) == 1
    assert problems_of({"only": ["prod"]}) == ("event.only names 'prod', which is no target; allowed: default",)


def test_event_only_names_unknown_targets() -> None:
    """A misspelt name is an invalid event, not a smaller run."""
    assert problems_of({"only": ["prd", "prod", "x"]}, targets=TWO) == (
        "event.only names 'prd', which is no target; did you mean prod?",
        "event.only names 'x', which is no target; allowed: prod, stage",
    )


def test_each_unknown_name_is_one_problem() -> None:
    """However many there are; those that nobody reads have no suggestion, which takes time."""
    problems = problems_of({"only": [f"x{number}" for number in range(25)]}, targets=TWO)
    assert [problem.partition("; ")[0] for problem in problems] == [
        f"event.only names 'x{number}', which is no target" for number in range(25)
    ]
    assert [problem.partition("; ")[2] for problem in problems] == ["allowed: prod, stage"] * 20 + [""] * 5


@pytest.mark.parametrize(
    ("only", "text"), [("prod", "'prod'"), ([], "[]"), ([1], "[1]"), ({"a": 1}, "{'a': 1}"), (False, "False")]
)
def test_event_only_that_is_no_list_of_names_is_refused(only: object, text: str) -> None:
    """What was meant is not guessed."""
    sentence = f"event.only is {text}; allowed: a list of names of targets"
    assert problems_of({"only": only}, targets=TWO) == (sentence,)


def test_event_only_leaves_the_mistakes_of_other_targets_to_their_own_run() -> None:
    """Many schedules share a document; each reports the problems of its own targets."""
    assert plan_of({"only": ["prod"]}, targets=ONE_BAD).problems == ()
    assert problems_of({"only": ["bad"]}, targets=ONE_BAD) == ("targets[1].mqtt_version is '4'; allowed: 5, 3.1.1",)


def test_event_only_does_not_hide_an_entry_without_a_name() -> None:
    """It cannot be selected by name, so every run reports it."""
    text = document({"name": "prod"}, {"mqtt_version": "5"}, "x")
    assert [sentence.partition(" is ")[0] for sentence in plan_of({"only": ["prod"]}, targets=text).problems] == [
        "targets[1].name",
        "targets[2]",
    ]


def test_event_only_with_an_unreadable_document_has_one_problem() -> None:
    """Which names there are is not known then."""
    assert len(problems_of({"only": ["prod"]}, targets="{")) == 1


@pytest.mark.parametrize(
    "reference",
    [
        "ssm:/iot-connect-canary/other/targets",
        "ssm:/iot-connect-canary/fleet/../other/targets",
        "ssm:/iot-connect-canary/fleet",
        "secretsmanager:iot-connect-canary/fleet/targets",
        TWO,
        7,
        ["ssm:/iot-connect-canary/fleet/targets"],
    ],
)
def test_event_targets_is_limited_to_the_canarys_own_place(reference: object) -> None:
    """An invoker cannot make the canary read any parameter of the account."""
    (sentence,) = problems_of({"targets": reference}, name="fleet")
    assert sentence.startswith("event.targets is ")
    assert sentence.endswith("; allowed: a reference that begins with ssm:/iot-connect-canary/fleet/")


@pytest.mark.parametrize(
    ("reference", "shard"),
    [
        ("ssm:/iot-connect-canary/fleet/shard-001", "shard-001"),
        ("ssm:/iot-connect-canary/fleet/eu/shard-012", "shard-012"),
        ("ssm:/iot-connect-canary/fleet/targets/", "targets"),
        ("secretsmanager:iot-connect-canary/fleet/shard-001", "shard-001"),
        ("secretsmanager:shard-001#targets/a", "shard-001"),
        ("ssm:/iot-connect-canary/fleet/SHARD-X/", "SHARD-X"),
        ("secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:shard-001-AbCdEf", "shard-001-AbCdEf"),
        (None, None),
        (["ssm:/iot-connect-canary/fleet/shard-001"], None),
    ],
)
def test_event_targets_names_the_shard(reference: object, shard: str | None) -> None:
    """The last part of the reference's name."""
    assert shard_name({"targets": reference}) == shard


def test_run_of_the_canarys_own_targets_has_no_shard() -> None:
    """Only the event makes a shard."""
    assert plan_of({"only": ["prod"]}, targets=TWO).shard is None


@pytest.mark.parametrize("event", [[], "prod", 7, True])
def test_event_that_is_no_object_is_refused(event: object) -> None:
    """Lambda passes any JSON."""
    assert problems_of(event) == (f"the event is {event!r}; allowed: a JSON object",)


def test_event_of_a_schedule_runs_every_target() -> None:
    """Members that are not ours are a scheduler's."""
    event = {"version": "0", "id": "x", "source": "aws.scheduler", "detail": {}}
    assert len(plan_of(event, targets=TWO).planned) == 2


def test_event_dry_run_is_a_boolean() -> None:
    """The string "false" would be true."""
    assert plan_of({"dry_run": True}).dry_run
    assert not plan_of({"dry_run": False}).dry_run
    assert problems_of({"dry_run": "false"}) == ("event.dry_run is 'false'; allowed: true, false",)


def test_shared_fixed_client_id_is_refused() -> None:
    """AWS IoT ends the older of two clients with one id."""
    text = document({"name": "a"}, {"name": "b", "endpoint": ENDPOINT.upper()}, {"name": "c", "endpoint": "other.test"})
    plan = plan_of(targets=text, client_id="test-one")
    assert [planned.target.name for planned in plan.planned] == ["a", "c"]
    assert plan.problems == (
        (
            "CANARY_CLIENT_ID is 'test-one' for target 'b'; target 'a' uses it at the same endpoint, "
            "and the second client would end the first"
        ),
    )


def test_client_ids_that_only_look_shared_are_allowed() -> None:
    """A prefix is made unique by the target's name and a suffix at every run."""
    assert _names(targets=document({"name": "a", "client_id": "any b"}, {"name": "b"}, {"name": "c"})) == [
        "a",
        "b",
        "c",
    ]


def test_plan_tells_whether_a_target_has_references() -> None:
    """Only those can have been rotated."""
    assert not plan_of().planned[0].has_references


def test_plan_reads_the_egress_proxy() -> None:
    """Each target knows whether it leaves through it."""
    environ = {**environment(targets=document({"name": "a"}, {"name": "b", "endpoint": "b.internal"}))}
    plan = plan_run({}, {**environ, "HTTPS_PROXY": "http://proxy.test:3128", "NO_PROXY": ".internal"})
    proxies = [planned.proxy for planned in plan.planned]
    assert proxies[0] is not None
    assert (proxies[0].host, proxies[0].port) == ("proxy.test", 3128)
    assert proxies[1] is None


def test_plan_with_a_bad_egress_proxy_raises_beside_the_rest() -> None:
    """It is one more problem of the canary itself, whatever the targets are like."""
    with pytest.raises(SettingsError) as caught:
        plan_run({}, {**environment(mqtt_version="4"), "HTTPS_PROXY": "ftp://user:hidden@x"})
    assert caught.value.problems == (
        "HTTPS_PROXY is '***'; allowed: http://[user:password@]host[:port]",
        "CANARY_MQTT_VERSION is '4'; allowed: 5, 3.1.1",
    )


@given(st.dictionaries(st.sampled_from([*HARMLESS, "CANARY_X", "HTTPS_PROXY", "NO_PROXY", "AWS_REGION"]), TEXT))
def test_any_environment_makes_a_plan_or_a_settings_error(environ: dict[str, str]) -> None:
    """No text in a variable leads anywhere else."""
    plan, sentences = plan_or_problems({}, {"CANARY_ENDPOINT": ENDPOINT, **environ})
    assert plan is not None or sentences
    assert all(sentence.isprintable() for sentence in sentences)


@given(
    st.one_of(
        st.none() | st.booleans() | st.integers() | TEXT,
        st.dictionaries(
            st.sampled_from(["only", "dry_run", "targets", "x"]),
            st.none() | st.booleans() | TEXT | st.lists(TEXT | st.integers()) | st.dictionaries(TEXT, TEXT),
        ),
    )
)
def test_any_event_makes_a_plan_or_a_settings_error(event: Any) -> None:
    """No event leads anywhere else."""
    plan, sentences = plan_or_problems(event, environment(targets=TWO))
    assert plan is not None or sentences
    assert all(sentence.startswith(("event.", "the event is ")) for sentence in sentences)
