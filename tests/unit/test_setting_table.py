"""A setting is spelt once: target, help, JSON Schema, template and reference agree with the table of settings."""

import ast
import inspect
import re
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any, cast, get_type_hints

import pytest

from connect_canary.cli.parser import new_parser
from connect_canary.config.settings import SETTINGS, TARGET_KEYS, TARGET_SETTINGS, Group, Setting
from connect_canary.config.sources.schemes import is_reference
from connect_canary.model.secret import Secret
from connect_canary.model.target import AuthMode, Target
from connect_canary.probe.clients.table import CONNECTIONS
from tests.template import parameter_examples
from tests.template.cloudformation import ROOT, read
from tests.template.pages import Page, names
from tests.template.test_parameters import OF_SETTINGS, PARAMETERS
from tests.unit.factories import problems_of

PACKAGE = ROOT / "function" / "connect_canary"
TEMPLATE = read("template.yaml")
ROWS = {names(row[0])[0]: row[1] for row in Page("docs/reference.md").rows("## Settings")}
every_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)


def test_settings_are_the_fields_of_a_target() -> None:
    """A target's setting is a field of the same name, secret and enum as the table says; host and port are one."""
    hints = get_type_hints(Target)
    assert [field.name for field in fields(Target)] == [
        "name",
        *(name for key in TARGET_KEYS for name in (("host", "port") if key == "endpoint" else (key,))),
    ]
    for setting in TARGET_SETTINGS:
        if setting.key != "endpoint":
            assert (hints[setting.key] == Secret | None) is setting.secret, setting.key
            assert setting.enum in {None, hints[setting.key]}, setting.key


def _attributes(path: Path, *, of: Collection[str] = ()) -> set[str]:
    """Return the attributes that a module reads, of these names only if any are given."""
    reads = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    return {read.attr for read in reads if not of or (isinstance(read.value, ast.Name) and read.value.id in of)}


@pytest.mark.parametrize("key", [field.name for field in fields(Target)])
def test_field_of_a_target_is_used(key: str) -> None:
    """A setting that is read, validated and documented does something in an attempt."""
    assert [path for path in (PACKAGE / "run.py", *PACKAGE.glob("probe/**/*.py")) if key in _attributes(path)]


def _client_options(client: type) -> set[str]:
    """Return what a client, or one that it is derived from, reads of its options."""
    classes = [each for each in client.__mro__ if each.__module__.startswith("connect_canary.")]
    files = {Path(inspect.getfile(each)) for each in classes}
    return {name for path in files for name in _attributes(path, of={"options", "target", "auth"})}


def test_clients_use_the_same_options() -> None:
    """An option or setting that reaches the client of one MQTT version reaches that of each."""
    first, *others = [_client_options(cast("type", client())) for client in CONNECTIONS.values()]
    assert {"client_id", "host", "username"} <= first
    assert all(other == first for other in others)


@every_setting
def test_setting_is_explained_in_the_same_words_everywhere(setting: Setting) -> None:
    """Help and JSON Schema take their words from the table; the template and the page begin with them."""
    (parameter,) = [name for name, of in OF_SETTINGS.items() if of is setting]
    description = PARAMETERS[parameter]["Description"].removeprefix("Reference to ")
    # The template takes a reference, in which the value stands.
    description = description.replace("base64:... there is", "base64:... is")
    assert _begins_with(description, setting.help) or _begins_with(description.removeprefix("the "), setting.help)
    assert _begins_with(ROWS[setting.variable].replace("`", ""), setting.help)


def _begins_with(text: str, words: str) -> bool:
    """Return whether a text begins with these words, but for the case of the first letter."""
    return text[1:].startswith(words[1:]) and text[0].lower() == words[0].lower()


@every_setting
def test_setting_has_a_metavar_unless_it_is_secret(setting: Setting) -> None:
    """A flag's value has a name in the help; SECRET stands for each secret."""
    assert bool(setting.metavar) is not setting.secret
    (action,) = [a for a in _connect_actions() if f"--{setting.key}" in a.option_strings]
    assert action.metavar == ("SECRET" if setting.secret else setting.metavar)
    assert all(choice in str(action.help) for choice in setting.choices)


def _connect_actions() -> list[Any]:
    (commands,) = [action for action in new_parser()._actions if action.dest == "command"]
    return list(dict(commands.choices or {})["connect"]._actions)


@pytest.mark.parametrize("group", Group)
def test_group_has_settings(group: Group) -> None:
    """A group without any would be an empty heading."""
    assert [setting for setting in SETTINGS if setting.group is group]


def test_modes_are_named_by_one_group_each() -> None:
    """The headings of the help say for which modes the settings are."""
    words = re.findall(r"[\w-]+", " ".join(Group))
    assert [words.count(mode) for mode in AuthMode] == [1] * len(AuthMode)


@every_setting
def test_choices_are_named_in_the_templates_sentence(setting: Setting) -> None:
    """Whoever gives another value reads those that are allowed."""
    (parameter,) = [name for name, of in OF_SETTINGS.items() if of is setting]
    sentence = PARAMETERS[parameter].get("ConstraintDescription", "")
    assert [choice for choice in setting.choices if not re.search(rf"\b{re.escape(choice)}\b", sentence)] == []


def test_modes_are_named_in_the_templates_groups() -> None:
    """The group of a mode's parameters says so; the role has none."""
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    labels = " ".join(group["Label"]["default"] for group in groups)
    assert set(AuthMode) - set(re.findall(r"[\w-]+", labels)) == {AuthMode.SIGV4}


@pytest.mark.parametrize("name", [name for name, parameter in PARAMETERS.items() if "AllowedValues" in parameter])
def test_every_allowed_value_is_an_example(name: str) -> None:
    """The examples have each choice."""
    assert list(parameter_examples.CANARY[name].allowed) == [str(value) for value in PARAMETERS[name]["AllowedValues"]]


ALLOWED = [
    (name, value)
    for name, examples in parameter_examples.CANARY.items()
    if name in OF_SETTINGS and not OF_SETTINGS[name].choices
    for value in examples.allowed
    # A reference, also one in a document, is read from AWS.
    if value and not is_reference(value) and '"ssm:' not in value
]


@pytest.mark.parametrize(("name", "value"), ALLOWED)
def test_value_that_the_template_allows_is_valid(name: str, value: str) -> None:
    """A pattern of the template lets nothing through that every run would raise for."""
    assert problems_of(**{OF_SETTINGS[name].key: value}) == ()
