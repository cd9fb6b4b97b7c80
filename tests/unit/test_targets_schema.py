"""The published schema and the example: current, complete, and consistent with the code."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_canary.config.endpoint_rules import DEFAULT_PORT
from connect_canary.config.settings import TARGET_KEYS, TARGET_SETTINGS
from connect_canary.model.mqtt import MqttVersion
from connect_canary.model.target import AuthMode, AuthorizerPlacement, Expect
from infra import targets_schema
from tests.unit.factories import document, environment, pem, plan_or_problems, private_key, problems_of
from tests.unit.fake_aws import FakeAws
from tests.unit.handler_process import ROOT
from tests.unit.test_targets import ENTRIES

VALIDATOR = jsonschema.Draft7Validator(targets_schema.schema())
EXAMPLE = ROOT / "docs" / "targets.example.json"
# Problems that a schema cannot detect: they depend on variables, other targets, decoded content, or other resources.
BEYOND_A_SCHEMA = (
    "is needed with auth_mode",
    "valid base64",
    "in PEM",
    "that can be read",
    "port from 1 to",
    "bytes of",
    # Whether it is required depends on the endpoint's name, and an empty one removes AWS_REGION.
    "signing_region is not set",
    "iot:DescribeEndpoint failed",
)
_WORD = st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=20)
_ANY_WORD = {setting.key: _WORD for setting in TARGET_SETTINGS}
VALID: dict[str, st.SearchStrategy[object]] = _ANY_WORD | {
    "name": st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=64) | st.integers(0, 10**9),
    "endpoint": st.sampled_from(["iot.example.com", "localhost:1", "e:65535", "a-b.example:8443", "192.0.2.1"]),
    "signing_region": st.sampled_from(["us-gov-west-1", "eu-west-1", "ap-southeast-2"]),
    "auth_mode": st.sampled_from(AuthMode),
    "mqtt_version": st.sampled_from([*MqttVersion, 5]),
    "client_id": _WORD | st.integers(0, 10**9) | st.just("c" * 128),
    "client_id_prefix": _WORD | st.just(""),
    "timeout_seconds": st.integers(1, 300) | st.floats(0.1, 300) | st.sampled_from(["2.5", "300", ".5"]),
    "confirm_after_seconds": st.integers(0, 300) | st.floats(0, 300) | st.sampled_from(["0", "20", "300", ".5"]),
    "expect": st.sampled_from(Expect),
    "authorizer_placement": st.sampled_from(AuthorizerPlacement),
    "authorizer_password": _WORD | st.just("base64:AAAA"),
}
# Required settings of an auth mode.
NEEDED = {
    AuthMode.SIGV4_STATIC: ("access_key_id", "secret_access_key"),
    AuthMode.CUSTOM_SIGNED: ("authorizer_token_key_name", "authorizer_token_value", "authorizer_token_signature"),
}
NEEDS_CONTENT = {"ca_file", "authorizer_signing_key"}  # the path of a file, a key in PEM
NO_VALUE: list[object] = [None, True, False, [], {}, {"ssm": "/a"}]
WRONG: dict[str, list[object]] = {
    "name": ["", "a b", "n" * 65, "é", "a/b"],
    "endpoint": ["https://e", "e/mqtt", "e?x", ":1", "e e", "e:", "e:x", "user@e"],
    "signing_region": ["ireland", "eu_west_1", "EU-WEST-1"],
    "auth_mode": ["iam", "SigV4", "", 5],
    "mqtt_version": ["4", "3.1", "", 4, 3.1],
    "client_id": ["x" * 129],
    "client_id_prefix": ["p" * 129],
    "timeout_seconds": [0, -1, 300.5, 301, "soon", ""],
    "confirm_after_seconds": [-1, 300.5, 301, "later", ""],
    "expect": ["deny", "", 1],
    "authorizer_placement": ["body", "", 0],
    "unheard_of": ["x", 1, ""],
    "Endpoint": ["iot.example.com"],
}
BROKEN = [
    (key, value)
    for key in ("name", *TARGET_KEYS, "unheard_of", "Endpoint")
    for value in WRONG.get(key, []) + (NO_VALUE if key in {"name", *TARGET_KEYS} else [])
]


@st.composite
def valid_entries(draw: st.DrawFn) -> dict[str, Any]:
    """Return an entry that is valid for schema and code."""
    mode = draw(VALID["auth_mode"])
    optional = sorted(VALID.keys() - {"name", "auth_mode"} - NEEDS_CONTENT)
    keys = [*draw(st.lists(st.sampled_from(optional), unique=True, max_size=6)), *NEEDED.get(AuthMode(str(mode)), ())]
    return {"name": draw(VALID["name"]), "auth_mode": mode, **{key: draw(VALID[key]) for key in keys}}


def _problems(entry: dict[str, Any]) -> tuple[str, ...]:
    return problems_of(targets=document(entry), endpoint="default.test")


def _command(*arguments: str, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.targets_schema", *arguments],
        cwd=root,
        env={"PYTHONPATH": str(ROOT / "function"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_published_schema_is_current() -> None:
    """docs/targets.schema.json is what the command prints."""
    assert targets_schema.PUBLISHED.read_text() == targets_schema.as_text()
    assert _command().stdout == targets_schema.as_text()
    assert _command("--check").returncode == 0


def test_stale_schema_fails_the_check(tmp_path: Path) -> None:
    """The message names the file and the command that updates it."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "targets.schema.json").write_text("{}")
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local", "__pycache__"))
    done = _command("--check", root=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("docs/targets.schema.json is not what the settings say; run: ")


def test_command_with_an_unknown_flag() -> None:
    """An unknown flag exits with 2 and a message."""
    done = _command("--chek")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_schema_is_a_schema() -> None:
    """It is valid JSON Schema of draft 7."""
    jsonschema.Draft7Validator.check_schema(targets_schema.schema())


def test_schema_has_every_setting_of_a_target() -> None:
    """Every setting has its help, default and choices."""
    properties = targets_schema.schema()["definitions"]["target"]["properties"]
    assert list(properties) == ["name", *TARGET_KEYS]
    for setting in TARGET_SETTINGS:
        schema = properties[setting.key]
        assert schema["description"].startswith(setting.help)
        assert schema.get("default", "") == setting.default
        if setting.choices:
            assert set(schema["anyOf"][0]["enum"]) >= set(setting.choices)


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES)
def test_schema_refuses_what_the_code_refuses(entry: object, sentence: str) -> None:
    """The schema refuses every entry that the code refuses, except for problems that it cannot detect."""
    detectable = not any(words in sentence for words in (*BEYOND_A_SCHEMA, "valid Unicode"))
    assert VALIDATOR.is_valid({"targets": [entry]}) is not detectable


@settings(max_examples=40)
@given(valid_entries())
def test_schema_and_code_accept_any_valid_entry(entry: dict[str, Any]) -> None:
    """Entries with any valid settings are accepted by both."""
    assert [error.message for error in VALIDATOR.iter_errors({"targets": [entry]})] == []
    assert _problems(entry) == ()


@settings(max_examples=40)
@given(valid_entries(), st.sampled_from(BROKEN))
def test_schema_and_code_refuse_an_entry_for_its_one_wrong_key(
    entry: dict[str, Any], broken: tuple[str, object]
) -> None:
    """Schema and code report the key of the one invalid value, and no other."""
    _assert_refused(entry, *broken)


@pytest.mark.parametrize(("key", "value"), BROKEN, ids=repr)
def test_schema_and_code_refuse_each_wrong_value(key: str, value: object) -> None:
    """Each invalid value, in an otherwise minimal entry."""
    _assert_refused({"name": "a", "auth_mode": AuthMode.CUSTOM_UNSIGNED}, key, value)


def _assert_refused(entry: dict[str, Any], key: str, value: object) -> None:
    # The code validates a region only if it signs with it, and a prefix only if it uses it.
    around = entry | {"auth_mode": AuthMode.SIGV4} if key == "signing_region" else entry
    around = {other: current for other, current in around.items() if (key, other) != ("client_id_prefix", "client_id")}
    wrong = around | {key: value}
    errors = list(VALIDATOR.iter_errors({"targets": [wrong]}))
    assert {error.path[-1] for error in errors} == ({key} if key in VALID else {0})
    assert {sentence.partition(" is ")[0] for sentence in _problems(wrong)} == {f"targets[0].{key}"}


def test_schema_accepts_an_empty_value_that_takes_an_inherited_one_away() -> None:
    """An empty value is accepted, except for choices and time-outs."""
    closed = {setting.key for setting in TARGET_SETTINGS if setting.choices} | {
        "timeout_seconds",
        "confirm_after_seconds",
    }
    for key in TARGET_KEYS:
        assert VALIDATOR.is_valid({"targets": [{"name": "a", key: ""}]}) is (key not in closed)


def test_schema_accepts_references_everywhere() -> None:
    """Every setting may be a reference."""
    entry = {"name": "a", **dict.fromkeys(TARGET_KEYS, "ssm:/a")}
    assert VALIDATOR.is_valid({"targets": [entry]})


def test_schema_refuses_what_is_no_document() -> None:
    """The document must be an object with a list of targets."""
    refused: list[object] = [[], {}, {"targets": []}, {"targets": {}}, {"targets": [{"name": "a"}], "other": 1}]
    assert not any(VALIDATOR.is_valid(wrong) for wrong in refused)
    assert VALIDATOR.is_valid({"$schema": "x", "targets": [{"name": "a"}]})


def test_example_is_accepted_by_schema_and_code(aws: FakeAws) -> None:
    """The example is valid when its parameters and secrets exist."""
    written = EXAMPLE.read_text()
    VALIDATOR.validate(json.loads(written))
    own = "/iot-connect-canary/fleet"
    names = ("password", "token", "signature", "stale-token", "stale-token-signature")
    aws.parameters = {f"{own}/{name}": name for name in names} | {
        f"{own}/endpoint": "abc123-ats.iot.eu-west-1.amazonaws.com",
        f"{own}/binary-password": "base64:AP+A",
        f"{own}/ca": _certificate(),
    }
    keys = {"access_key_id": "AKID", "secret_access_key": "s", "session_token": "t"}
    aws.secrets = {f"{own[1:]}/keys": json.dumps(keys), f"{own[1:]}/signing-key": pem(private_key())}
    plan, sentences = plan_or_problems({}, environment(targets=written, name="fleet"))
    assert sentences == ()
    assert plan is not None
    assert len(plan.planned) == len(json.loads(written)["targets"])


def test_example_shows_every_feature() -> None:
    """It has each setting, each choice, a port, references of each scheme, and three expected refusals."""
    targets = json.loads(EXAMPLE.read_text())["targets"]
    assert {key for target in targets for key in target} == {"name", *TARGET_KEYS}
    effective = [{setting.key: setting.default for setting in TARGET_SETTINGS} | target for target in targets]
    for setting in TARGET_SETTINGS:
        assert {target[setting.key] for target in effective} >= set(setting.choices)
    values = [str(value) for target in targets for value in target.values()]
    assert any(value.startswith("ssm:/") for value in values)
    assert any(value.startswith("secretsmanager:") and "#" in value for value in values)
    assert any(target["endpoint"].endswith(f":{DEFAULT_PORT}") for target in targets)
    assert [target["name"] for target in targets if target.get("expect") == "refuse"] == [
        "refuse-foreign-client-id",
        "refuse-stale-token",
        "refuse-no-token",
    ]


def test_example_holds_no_secret_itself() -> None:
    """Every secret of the example is a reference."""
    secret = {setting.key for setting in TARGET_SETTINGS if setting.secret}
    for target in json.loads(EXAMPLE.read_text())["targets"]:
        assert all(target[key].startswith(("ssm:", "secretsmanager:")) for key in secret & set(target))


def _certificate() -> str:
    """Return a self-signed certificate in PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, private_key().public_key(), 1, now, now + timedelta(days=1))
    return made.sign(private_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
