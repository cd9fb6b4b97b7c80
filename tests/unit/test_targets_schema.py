"""The published schema and the example: current, complete, and of one mind with the code."""

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
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.settings import TARGET_SETTINGS, AuthMode, Expect, MqttVersion, Placement
from connect_canary.targets import DEFAULT_PORT, TARGET_KEYS
from infra import targets_schema
from tests.unit.aws_answers import Aws
from tests.unit.fresh import ROOT
from tests.unit.given import document, environment, pem, plan_or_problems, private_key, problems_of
from tests.unit.test_targets import ENTRIES

VALIDATOR = jsonschema.Draft7Validator(targets_schema.schema())
EXAMPLE = ROOT / "docs" / "targets.example.json"
# What no schema can see: it depends on the variables, on other targets, on the content, or on what stands elsewhere.
BEYOND_A_SCHEMA = (
    "is needed with auth_mode",
    "valid base64",
    "in PEM",
    "that can be read",
    "port from 1 to",
    "bytes of",
    # Whether one is needed depends on the endpoint's name, and an empty one takes AWS_REGION away.
    "signing_region is not set",
    "iot:DescribeEndpoint failed",
)
VALUES: dict[str, list[object]] = {
    "name": ["a", "a.b-c_d", 7, "a b", "", "n" * 65, None, True, {}],
    "endpoint": [
        "iot.example.com",
        "localhost:1",
        "e:99999",
        "https://e",
        "e/mqtt",
        "e?x",
        ":1",
        "e e",
        "",
        "ssm:/e",
        [],
    ],
    "signing_region": ["us-gov-west-1", "ireland", "", "ssm:/r"],
    "auth_mode": [*AuthMode, "iam", 5, None],
    "mqtt_version": [*MqttVersion, 5, 4, "3.1", True],
    "client_id": ["test-one", "x" * 129, 7, "", {}],
    "client_id_prefix": ["lab-", "p" * 129, 7, False],
    "timeout_seconds": [5, 0.5, "2.5", 0, -1, 300, 301, "soon", None],
    "expect": [*Expect, "deny", ""],
    "authorizer_placement": [*Placement, "body", []],
    "authorizer_name": ["gate", 7, None, "secretsmanager:a#b"],
    "authorizer_password": ["p", "base64:AAAA", "base64:A", ["p"]],
    "unheard_of": ["x"],
}
ENTRY = st.fixed_dictionaries({"name": st.sampled_from(VALUES["name"])}, optional={
    key: st.sampled_from(values) for key, values in VALUES.items() if key != "name"
})  # fmt: skip


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
    """What editors read is what the code says."""
    assert targets_schema.PUBLISHED.read_text() == targets_schema.as_text()
    assert _command().stdout == targets_schema.as_text()
    assert _command("--check").returncode == 0


def test_stale_schema_is_told(tmp_path: Path) -> None:
    """Which file, and the command that mends it."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "targets.schema.json").write_text("{}")
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local", "__pycache__"))
    done = _command("--check", root=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("docs/targets.schema.json is not what the settings say; run: ")


def test_command_with_a_wrong_flag_is_a_wrong_question() -> None:
    """Exit code 2 and a sentence, as everywhere."""
    done = _command("--chek")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_schema_is_a_schema() -> None:
    """By the rules of draft 7 itself."""
    jsonschema.Draft7Validator.check_schema(targets_schema.schema())


def test_schema_has_every_setting_of_a_target() -> None:
    """With words, default and choices from the code."""
    properties = targets_schema.schema()["definitions"]["target"]["properties"]
    assert list(properties) == ["name", *TARGET_KEYS]
    for setting in TARGET_SETTINGS:
        shown = properties[setting.key]
        assert shown["description"].startswith(setting.help)
        assert shown.get("default", "") == setting.default
        if setting.choices:
            assert set(shown["anyOf"][0]["enum"]) >= set(setting.choices)


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES)
def test_schema_refuses_what_the_code_refuses(entry: object, sentence: str) -> None:
    """Except what a schema cannot see."""
    seen = not any(words in sentence for words in (*BEYOND_A_SCHEMA, "valid Unicode"))
    assert VALIDATOR.is_valid({"targets": [entry]}) is not seen


@given(ENTRY)
def test_schema_and_code_agree_on_any_entry(entry: dict[str, Any]) -> None:
    """An entry is refused by both or by neither, but for what a schema cannot see."""
    asked = {key: value for key, value in entry.items() if not str(value).startswith(("ssm:", "secretsmanager:"))}
    valid = VALIDATOR.is_valid({"targets": [asked]})
    sentences = problems_of(targets=document(asked), endpoint="default.test", auth_mode="custom-unsigned")
    seen = [sentence for sentence in sentences if not any(words in sentence for words in BEYOND_A_SCHEMA)]
    if valid:
        assert not seen
    elif "signing_region" not in asked and not {"client_id", "client_id_prefix"} <= asked.keys():
        # The code looks at a region only where something is signed for it, and at a prefix only where it is used.
        assert sentences


def test_schema_accepts_an_empty_value_that_takes_an_inherited_one_away() -> None:
    """As the code does, but where one of a list is needed."""
    closed = {setting.key for setting in TARGET_SETTINGS if setting.choices} | {"timeout_seconds"}
    for key in TARGET_KEYS:
        assert VALIDATOR.is_valid({"targets": [{"name": "a", key: ""}]}) is (key not in closed)


def test_schema_accepts_references_everywhere() -> None:
    """Any value may be one."""
    entry = {"name": "a", **dict.fromkeys(TARGET_KEYS, "ssm:/a")}
    assert VALIDATOR.is_valid({"targets": [entry]})


def test_schema_refuses_what_is_no_document() -> None:
    """The frame around the targets."""
    refused: list[object] = [[], {}, {"targets": []}, {"targets": {}}, {"targets": [{"name": "a"}], "other": 1}]
    assert not any(VALIDATOR.is_valid(wrong) for wrong in refused)
    assert VALIDATOR.is_valid({"$schema": "x", "targets": [{"name": "a"}]})


def test_example_is_accepted_by_schema_and_code(aws: Aws) -> None:
    """With every parameter and secret that it refers to in place."""
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
    """Each setting, each choice, a port, a reference of each kind, and the three targets that must refuse."""
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
    """Whoever copies it keeps secrets where they belong."""
    secret = {setting.key for setting in TARGET_SETTINGS if setting.secret}
    for target in json.loads(EXAMPLE.read_text())["targets"]:
        assert all(target[key].startswith(("ssm:", "secretsmanager:")) for key in secret & set(target))


def _certificate() -> str:
    """Return a self-signed certificate in PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, private_key().public_key(), 1, now, now + timedelta(days=1))
    return made.sign(private_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
