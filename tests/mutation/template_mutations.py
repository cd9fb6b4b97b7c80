"""Single changes of a CloudFormation template that its tests should notice."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

from tests.mutation.mutations import Mutant, Source

# Read by people, or without a meaning to CloudFormation.
_TEXT: Final = frozenset(
    {"Description", "ConstraintDescription", "AssertDescription", "AlarmDescription", "Metadata", "Label", "Version"}
    | {"AWSTemplateFormatVersion", "Transform", "DashboardName"}
)
# Anything else is not a template, which `make check` reports.
_NAMES: Final = frozenset({"Type", "Condition"})
_FUNCTIONS: Final = {"!Or": "!And", "!And": "!Or", "!Equals": "!Not [!Equals {}]", "!Ref": "changed"}
_WORDS: Final = {
    "LessThanThreshold": ("LessThanOrEqualToThreshold", "GreaterThanThreshold"),
    "GreaterThanThreshold": ("GreaterThanOrEqualToThreshold", "LessThanThreshold"),
    "Minimum": ("Maximum", "Average"),
    "Maximum": ("Minimum", "Average"),
    "Sum": ("SampleCount", "Minimum"),
    "SampleCount": ("Sum",),
    "ignore": ("missing", "breaching"),
    "breaching": ("notBreaching", "ignore"),
    "Allow": ("Deny",),
    "true": ("false",),
    "false": ("true",),
    "ENABLED": ("DISABLED",),
    "DISABLED": ("ENABLED",),
    "OFF": ("FLEXIBLE",),
}
_ALARM: Final = "AWS::CloudWatch::Alarm"
# Numbers of a dashboard's layout are taste; its metrics, periods and words are not.
_DASHBOARD: Final = re.compile(r"""(?<=["'{=,\[])(?:[A-Z][A-Za-z/]+|p\d\d)(?=["'}=,\\])|(?<="period": )\d+""")

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast

Change = tuple[int, int, str]


def template_mutants(path: str, text: bytes) -> list[Mutant]:
    """Return every change of a template that is still YAML and another document, in the order of the text."""
    decoded = text.decode()
    source = Source(path, text)
    root = yaml.compose(decoded, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    mutants = []
    for scope, (start, end, replacement) in _changes(root, decoded, ()):
        first, last = (len(decoded[:place].encode()) for place in (start, end))
        group = "alarms" if _is_alarm(root, scope) else ""
        line = decoded.count("\n", 0, start) + 1
        mutant = source.mutant(first, last, replacement, scope=".".join(scope), lines=(line, line), group=group)
        if _is_template(mutant.applied(text)):
            mutants.append(mutant)
    return mutants


def _is_template(text: bytes) -> bool:
    try:
        yaml.compose(text.decode(), Loader=_LOADER)
    except yaml.YAMLError:
        return False
    return True


def _is_alarm(root: yaml.MappingNode, scope: tuple[str, ...]) -> bool:
    node: yaml.Node | None = root
    for key in scope[:2]:
        node = _get(node, key)
    kind = _get(node, "Type")
    return kind is not None and kind.value == _ALARM


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _changes(node: yaml.Node, text: str, scope: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Change]]:
    if scope and scope[-1] in _TEXT | _NAMES:
        return
    yield from ((scope, change) for change in _own_changes(node, text, scope))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _changes(value, text, (*scope, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value[node.tag == "!If" :]:
            yield from _changes(each, text, scope)


def _own_changes(node: yaml.Node, text: str, scope: tuple[str, ...]) -> Iterator[Change]:
    start, end = _extent(node, text)
    body = text[start:end]
    if node.tag.startswith("!") and (replacement := _FUNCTIONS.get(node.tag)):
        whole = replacement.format(body) if "{}" in replacement else replacement
        yield start, end, body.replace(node.tag, replacement, 1) if replacement in _FUNCTIONS else whole
    elif isinstance(node, yaml.ScalarNode):
        yield from _scalar_changes(node, start, end, body, scope)
    elif isinstance(node, yaml.SequenceNode):
        yield from _sequence_changes(node, text)
    elif isinstance(node, yaml.MappingNode):
        yield from _mapping_changes(node, text, scope)


def _scalar_changes(node: yaml.ScalarNode, start: int, end: int, body: str, scope: tuple[str, ...]) -> Iterator[Change]:
    value = str(node.value)
    if node.style == "|":
        for word in _DASHBOARD.finditer(body):
            changed = str(int(word[0]) + 1) if word[0].isdigit() else f"{word[0]}X"
            yield start + word.start(), start + word.end(), changed
    elif value in _WORDS:
        yield from ((start, end, body.replace(value, word)) for word in _WORDS[value])
    elif value.isdigit():
        yield start, end, body.replace(value, str(int(value) + 1))
    elif scope[-1] == "AllowedPattern":
        yield start, end, ".*"
    elif node.tag != "!Condition":
        yield start, end, body[:-1] + f"X{body[-1]}" if body.endswith(('"', "'")) else f"{body}X"
        if scope[-1] in {"Resource", "Principal"}:
            yield start, end, '"*"'


def _sequence_changes(node: yaml.SequenceNode, text: str) -> Iterator[Change]:
    if node.tag == "!If":
        condition, then, otherwise = (text[slice(*_extent(each, text))] for each in node.value)
        if node.flow_style:
            yield (*_extent(node, text), f"!If [{condition}, {otherwise}, {then}]")
        return
    if node.tag.startswith("!") or len(node.value) == 1:
        return
    for place, each in enumerate(node.value):
        start, end = _extent(each, text)
        if not node.flow_style:
            yield text.rindex("\n", 0, start), end, ""
        elif place + 1 < len(node.value):
            yield start, _extent(node.value[place + 1], text)[0], ""
        else:
            yield _extent(node.value[place - 1], text)[1], end, ""


def _mapping_changes(node: yaml.MappingNode, text: str, scope: tuple[str, ...]) -> Iterator[Change]:
    if node.flow_style or len(scope) < 2:
        return
    names = [str(key.value) for key, _ in node.value]
    for place, (key, _) in enumerate(node.value):
        if len(names) > 1 and key.value not in _TEXT | {"Type", "Properties"}:
            if place + 1 < len(names):
                yield key.start_mark.index, node.value[place + 1][0].start_mark.index, ""
            else:
                yield _extent(node.value[place - 1][1], text)[1], _extent(node, text)[1], ""
    if {"MetricName", "Threshold"} <= set(names):
        first = node.value[0][0].start_mark
        yield first.index, first.index, f"ActionsEnabled: false\n{' ' * first.column}"
    if scope[-1] == "Principal":
        yield (*_extent(node, text), 'AWS: "*"')


def _extent(node: yaml.Node, text: str) -> tuple[int, int]:
    """Return where a node's text begins and ends, without the blank and comment lines that follow a block."""
    start, end = node.start_mark.index, node.end_mark.index
    while True:
        body = text[start:end].rstrip()
        last = body.rfind("\n") + 1
        if not body[last:].lstrip().startswith("#") or not last:
            return start, start + len(body)
        end = start + last
