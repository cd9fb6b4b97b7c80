"""Targets: documents, parameter paths and what they inherit; every mistake with the path to it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.config.environment import with_defaults
from connect_canary.config.problems import SettingsError
from connect_canary.config.references import resolve_values
from connect_canary.config.settings import TARGET_KEYS, TARGET_SETTINGS
from connect_canary.config.target_validator import build_target
from connect_canary.config.targets_document import TargetEntry, is_path_reference, read_document, read_parameters
from connect_canary.config.values import Value
from connect_canary.model.secret import Secret
from connect_canary.model.target import Target, password_bytes
from tests.unit.factories import ENDPOINT, document, plan_of, problems_of, target_of

NAME_ALLOWED = "allowed: 1 to 64 of A-Z a-z 0-9 _ . -"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# Members that may be right or wrong, so that the cases get past the first rule.
MEMBERS = st.dictionaries(st.sampled_from(["name", *TARGET_KEYS, "other"]), JSON | st.sampled_from(["5", "a", ""]))


def test_document_targets_inherit_the_variables() -> None:
    """Variables are every target's defaults, and a target's own settings go before them."""
    text = document({"name": "a"}, {"name": "b", "endpoint": "iot.example.com:8443", "mqtt_version": "3.1.1"})
    plan = plan_of(targets=text, mqtt_version="5", client_id_prefix="lab-")
    first, second = (planned.target for planned in plan.planned)
    assert (first.name, first.endpoint, first.mqtt_version) == ("a", f"{ENDPOINT}:443", "5")
    assert (second.name, second.endpoint, second.mqtt_version) == ("b", "iot.example.com:8443", "3.1.1")
    assert first.client_id_prefix == second.client_id_prefix == "lab-"


def test_document_takes_numbers_for_strings() -> None:
    """JSON has numbers, and people write versions and seconds as such."""
    (planned,) = plan_of(targets=document({"name": 7, "mqtt_version": 5, "timeout_seconds": 2.5})).planned
    assert (planned.target.name, planned.target.mqtt_version, planned.target.timeout_seconds) == ("7", "5", 2.5)


def test_document_unsets_an_inherited_value_with_an_empty_one() -> None:
    """One target can go without an authorizer's name that the others inherit."""
    text = document({"name": "a", "authorizer_name": ""}, {"name": "b"})
    plan = plan_of(auth_mode="custom-unsigned", authorizer_name="shared", targets=text)
    assert [planned.target.authorizer_name for planned in plan.planned] == ["", "shared"]


def test_document_may_name_its_schema() -> None:
    """Editors complete and validate with it."""
    items, problems = read_document('{"$schema": "x", "targets": [{"name": "a"}]}', "CANARY_TARGETS")
    assert ([item.name for item in items], problems) == (["a"], [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "CANARY_TARGETS is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        # The words are json's own: these are the same in every Python.
        (
            '{"targets": [{"name": "a"}\n {}]}',
            "CANARY_TARGETS is not JSON: Expecting ',' delimiter at line 2, column 2",
        ),
        ("9" * 5000, "CANARY_TARGETS is JSON that is too deep or holds too long a number"),
        ("[" * 100_000, "CANARY_TARGETS is JSON that is too deep or holds too long a number"),
        *(
            (text, 'CANARY_TARGETS is no targets document; allowed: {"targets": [{"name": "...", ...}, ...]}')
            for text in ("[]", "{}", '{"targets": []}', '{"targets": {}}', "null")
        ),
        (
            '{"targets": [{"name": "a"}], "tagrets": []}',
            "CANARY_TARGETS has the unknown key 'tagrets'; allowed: targets, $schema",
        ),
    ],
)
def test_document_that_is_none_gets_one_sentence(text: str, sentence: str) -> None:
    """Anything but a targets document is rejected as a whole."""
    assert problems_of(targets=text) == (sentence,)


ENTRIES: list[tuple[object, str]] = [
    ("x", "targets[0] is a JSON string; allowed: an object with a name and settings"),
    (None, "targets[0] is a JSON null; allowed: an object with a name and settings"),
    ([], "targets[0] is a JSON array; allowed: an object with a name and settings"),
    ({}, f"targets[0].name is not set; {NAME_ALLOWED}"),
    ({"name": ""}, f"targets[0].name is ''; {NAME_ALLOWED}"),
    (1.5, "targets[0] is a JSON number; allowed: an object with a name and settings"),
    ({"name": "a b"}, f"targets[0].name is 'a b'; {NAME_ALLOWED}"),
    ({"name": "n" * 65}, f"targets[0].name is '{'n' * 65}'; {NAME_ALLOWED}"),
    ({"name": True}, "targets[0].name is a JSON boolean; allowed: a string or a number"),
    ({"name": {"hidden": 1}}, "targets[0].name is a JSON object; allowed: a string or a number"),
    ({"name": "a", "client_id": None}, "targets[0].client_id is a JSON null; allowed: a string or a number"),
    (
        {"name": "a", "timeout_seconds": True},
        "targets[0].timeout_seconds is a JSON boolean; allowed: a string or a number",
    ),
    (
        {"name": "a", "authMode": "sigv4"},
        "targets[0].authMode is no setting of a target; did you mean auth_mode?",
    ),
    (
        {"name": "a", "targets": []},
        f"targets[0].targets is no setting of a target; allowed: name, {', '.join(TARGET_KEYS)}",
    ),
    ({"name": "a", "auth mode": "x"}, "targets[0].'auth mode' is no setting of a target; did you mean auth_mode?"),
    (
        {"name": "a", "auth_mode": "iam"},
        "targets[0].auth_mode is 'iam'; allowed: sigv4, sigv4-static, custom-unsigned, custom-signed",
    ),
    (
        {"name": "a", "endpoint": "a/b"},
        "targets[0].endpoint is 'a/b'; " + "allowed: host or host:port without a path; the path is always /mqtt",
    ),
    (
        {"name": "a", "auth_mode": "custom-unsigned", "authorizer_password": "base64:a"},
        "targets[0].authorizer_password is '***'; allowed: valid base64 after 'base64:'",
    ),
    (
        {"name": "a", "authorizer_password": "\ud800"},
        "targets[0].authorizer_password is '***'; allowed: valid Unicode text",
    ),
    (
        {"name": "a", "auth_mode": "sigv4-static", "access_key_id": "AKID"},
        "targets[0].secret_access_key is not set; it is needed with auth_mode sigv4-static",
    ),
]


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES)
def test_bad_entry_gets_one_sentence(entry: object, sentence: str) -> None:
    """The sentence begins with the path to the mistake, and no second one follows from the first."""
    assert problems_of(targets=document(entry)) == (sentence,)


def test_document_with_twenty_mistakes_gets_twenty_sentences() -> None:
    """Each mistake of each target is named once, with its path."""
    text = document(
        {"name": "a b", "auth_mode": "iam", "mqtt_version": "4", "expect": "deny", "timeout_seconds": "soon"},
        {"nmae": "b", "endpoint": "https://x", "authorizer_placement": "body", "client_id": None},
        {"name": "c", "endpoint": "a/b", "auth_mode": "sigv4-static", "client_id": "x" * 129},
        "d",
        {"name": "e", "auth_mode": "custom-signed", "signing_region": True, "endpoint": "e:99999"},
    )
    assert [sentence.split(" is ")[0] for sentence in problems_of(targets=text)] == [
        "targets[0].name",
        "targets[0].auth_mode",
        "targets[0].mqtt_version",
        "targets[0].expect",
        "targets[0].timeout_seconds",
        "targets[1].name",
        "targets[1].nmae",
        "targets[1].client_id",
        "targets[1].endpoint",
        "targets[1].authorizer_placement",
        "targets[2].endpoint",
        "targets[2].client_id",
        "targets[2].access_key_id",
        "targets[2].secret_access_key",
        "targets[3]",
        "targets[4].signing_region",
        "targets[4].endpoint",
        "targets[4].authorizer_token_key_name",
        "targets[4].authorizer_token_value",
        "targets[4].authorizer_token_signature",
    ]


def test_mistake_in_a_variable_is_told_once_for_all_targets() -> None:
    """A hundred targets do not repeat what is wrong with their common default."""
    text = document(*({"name": f"t{n}"} for n in range(100)))
    assert problems_of(targets=text, mqtt_version="4") == ("CANARY_MQTT_VERSION is '4'; allowed: 5, 3.1.1",)


def test_second_target_of_a_name_is_refused() -> None:
    """The name is a metric's dimension: two targets would overwrite each other."""
    text = document({"name": "a"}, {"name": "b"}, {"name": "a", "mqtt_version": "4"})
    assert problems_of(targets=text) == (
        "targets[2].name is 'a'; targets[0] has that name already",
        "targets[2].mqtt_version is '4'; allowed: 5, 3.1.1",
    )
    assert [planned.target.name for planned in plan_of(targets=text).planned] == ["a", "b"]


def test_targets_without_a_name_do_not_clash() -> None:
    """Targets without a name do not count as duplicates."""
    assert problems_of(targets=document({}, {})) == (
        f"targets[0].name is not set; {NAME_ALLOWED}",
        f"targets[1].name is not set; {NAME_ALLOWED}",
    )


def test_path_takes_names_from_the_parameters() -> None:
    """One parameter a target, the last part of its name being the target's."""
    items = read_parameters(_secrets({"b": '{"endpoint": "b.example.com"}', "a": '{"name": "a"}'}), "ssm:/targets/")
    assert [(item.name, item.location, item.problems) for item in items] == [
        ("a", "ssm:/targets/a", ()),
        ("b", "ssm:/targets/b", ()),
    ]
    assert items[1].values["endpoint"] == Value(text="b.example.com", origin="ssm:/targets/b.endpoint")


def test_path_with_a_name_at_two_places_gets_a_sentence() -> None:
    """Folders group parameters, and the last part of a name may come twice."""
    first, second = read_parameters(_secrets({"eu/a": "{}", "us/a": "{}"}), "ssm:/t/")
    assert (first.name, first.problems) == ("a", ())
    assert second.problems == ("ssm:/t/us/a.name is 'a'; ssm:/t/eu/a has that name already",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "ssm:/t/a is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[]", "ssm:/t/a is a JSON array; allowed: an object with a name and settings"),
        ('{"name": "b"}', "ssm:/t/a.name is 'b'; allowed: 'a', the parameter's own, or none"),
        ('{"x": 1}', f"ssm:/t/a.x is no setting of a target; allowed: name, {', '.join(TARGET_KEYS)}"),
    ],
)
def test_path_with_a_bad_parameter_gets_one_sentence(text: str, sentence: str) -> None:
    """The sentence begins with the parameter."""
    (item,) = read_parameters(_secrets({"a": text}), "ssm:/t/")
    assert item.problems == (sentence,)


def test_path_without_parameters_is_refused() -> None:
    """An empty path is a misspelt one."""
    with pytest.raises(ValueError, match=r"^ssm:/t/ holds no parameter; allowed: one parameter a target below it$"):
        read_parameters(_secrets({}), "ssm:/t/")


@pytest.mark.parametrize(
    ("text", "expected"), [("ssm:/a/", True), ("ssm:/", True), ("ssm:/a", False), ("secretsmanager:a/", False)]
)
def test_path_is_told_by_its_end(text: str, *, expected: bool) -> None:
    """Only an SSM reference that ends in a slash is a path."""
    assert is_path_reference(text) is expected


def _secrets(texts: Mapping[str, str]) -> dict[str, Secret]:
    return {name: Secret(text) for name, text in texts.items()}


def _is_secret(reference: str) -> bool:
    return reference.endswith("secret")


def _fetch(values: Mapping[str, str]) -> Callable[[str], Secret]:
    def fetch(reference: str) -> Secret:
        if reference not in values:
            raise ValueError("ParameterNotFound")
        return Secret(values[reference])

    return fetch


def test_reference_is_replaced_by_its_value() -> None:
    """The value remembers where it was written and where it came from."""
    values = {"client_id": Value(text="ssm:/a", origin="X"), "endpoint": Value(text="e", origin="Y")}
    resolved, problems = resolve_values(values, _fetch({"ssm:/a": " id\n"}), _is_secret)
    assert resolved["client_id"] == Value(text="id", origin="X (from ssm:/a)", referenced=True)
    assert resolved["endpoint"] is values["endpoint"]
    assert problems == []


def test_reference_that_cannot_be_fetched_is_a_problem() -> None:
    """A missing value is reported with the location of its reference."""
    resolved, problems = resolve_values({"client_id": Value(text="ssm:/a", origin="X")}, _fetch({}), _is_secret)
    assert resolved == {}
    assert problems == ["X refers to ssm:/a: ParameterNotFound"]


def test_reference_to_a_reference_is_a_problem() -> None:
    """References are resolved one level deep."""
    _, problems = resolve_values(
        {"client_id": Value(text="ssm:/a", origin="X")}, _fetch({"ssm:/a": "ssm:/b"}), _is_secret
    )
    assert problems == ["X refers to ssm:/a, which holds another reference; allowed: a value"]


def test_reference_to_what_is_no_text_is_a_problem() -> None:
    """A JSON secret can hold half a character, which nothing can send."""
    _, problems = resolve_values(
        {"client_id": Value(text="ssm:/a", origin="X")}, _fetch({"ssm:/a": "a\ud800"}), _is_secret
    )
    assert problems == ["X refers to ssm:/a, which holds no valid Unicode; allowed: text"]


def test_rules_pass_over_what_could_not_be_fetched() -> None:
    """A missing parameter is one problem, not also a malformed endpoint."""
    values = {**with_defaults({}, signing_region="eu-west-1"), "endpoint": Value(text="ssm:/a", origin="X")}
    inherited = TargetEntry(location="", values={}).merged_with(values)
    with pytest.raises(SettingsError) as caught:
        build_target({**inherited, "auth_mode": Value(text="x", origin="M")}, unknown=frozenset({"endpoint"}))
    assert [sentence.split(" is ")[0] for sentence in caught.value.problems] == ["M"]


def test_inherited_nothing_is_missing_in_the_document() -> None:
    """Who reads `targets[0].endpoint is not set` knows where to set it."""
    base = with_defaults({"client_id": Value(text="c", origin="CANARY_CLIENT_ID")})
    merged = TargetEntry(location="targets[0]", values={}).merged_with(base)
    assert merged["endpoint"] == Value(text="", origin="targets[0].endpoint")
    assert merged["client_id"].origin == "CANARY_CLIENT_ID"
    assert set(merged) == set(TARGET_KEYS)


@pytest.mark.parametrize(
    ("setting", "sent"),
    [
        ("plain", b"plain"),
        ("grün", "grün".encode()),
        ("base64:AP+A", b"\x00\xff\x80"),
        ("base64:", b""),
        ("no base64:AP+A", b"no base64:AP+A"),
    ],
)
def test_password_is_text_or_binary(setting: str, sent: bytes) -> None:
    """Only a password that begins with base64: is binary."""
    assert password_bytes(Secret(setting)) == sent


@given(st.binary())
def test_password_in_base64_is_sent_as_it_was(password: bytes) -> None:
    """Every byte can be in a password."""
    assert password_bytes(Secret(f"base64:{base64.b64encode(password).decode()}")) == password


def test_password_unset_is_none() -> None:
    """No password is something else than an empty one."""
    assert password_bytes(None) is None


def test_target_masks_secrets_wherever_it_is_shown() -> None:
    """A target can be printed, logged and returned."""
    secrets = {setting.key: f"hidden-{setting.key}" for setting in TARGET_SETTINGS if setting.secret}
    secrets["authorizer_password"] = "hidden"
    wrapped: dict[str, Any] = {key: Secret(value) for key, value in secrets.items()}
    target = replace(target_of(), **wrapped)
    assert "hidden" not in repr(target)
    assert "hidden" not in json.dumps(target.as_dict())
    assert {target.as_dict()[key] for key in secrets} == {"***"}


def test_target_shows_only_what_is_set() -> None:
    """The dry run is read by people."""
    assert target_of().as_dict() == {
        "target": "default",
        "endpoint": f"{ENDPOINT}:443",
        "signing_region": "eu-west-1",
        "auth_mode": "sigv4",
        "mqtt_version": "5",
        "client_id_prefix": "test-",
        "timeout_seconds": 10.0,
        "confirm_after_seconds": 0.0,
        "expect": "connect",
        "authorizer_placement": "username",
    }


def test_target_does_not_show_the_text_of_its_bundle() -> None:
    """A path is shown as it is."""
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    shown = [replace(target_of(), ca_file=ca_file).as_dict()["ca_file"] for ca_file in (pem, "/etc/ca.pem")]
    assert shown == ["PEM text", "/etc/ca.pem"]


@given(JSON)
def test_any_json_is_a_document_or_refused(value: object) -> None:
    """Whatever stands in the variable, there are items and sentences, or one sentence."""
    for candidate in (value, {"targets": value}, {"targets": [value]}):
        try:
            items, problems = read_document(json.dumps(candidate), "CANARY_TARGETS")
        except ValueError as error:
            items, problems = [], [str(error)]
        assert items or problems
        assert all(sentence.startswith("CANARY_TARGETS ") for sentence in problems)


@given(st.lists(MEMBERS, min_size=1, max_size=3))
def test_any_entries_make_targets_or_sentences(entries: list[dict[str, Any]]) -> None:
    """Whatever the entries say, each is a target or has a sentence with its path or its default's name."""
    entries = [{**entry, "ca_file": "", "endpoint": entry.get("endpoint") or "e"} for entry in entries]
    text = json.dumps({"targets": entries})
    sentences = problems_of(targets=text, auth_mode="custom-unsigned")
    assert all(sentence.startswith(("targets[", "CANARY_")) for sentence in sentences)
    if not sentences:
        plan = plan_of(targets=text, auth_mode="custom-unsigned")
        assert all(isinstance(planned.target, Target) for planned in plan.planned)
        assert len(plan.planned) == len(entries)
