"""Reads a template and resolves it as CloudFormation would for given parameters: as much as these templates use."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
STACK: Final = "stack-name"
PSEUDO: Final[Mapping[str, str]] = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING: Final = object()
_OF_LISTS: Final = frozenset({"Fn::Join", "Fn::Select", "Fn::Split"})
_VARIABLE: Final = re.compile(r"\$\{([^}!]+)\}")


class _Loader(yaml.SafeLoader):
    """Reads the short forms of functions as their long forms."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value.split(".") if name == "Fn::GetAtt" else value}


_Loader.add_multi_constructor("!", _function)


@functools.cache
def read(path: str) -> dict[str, Any]:
    """Return the template at `path` in the repository, functions in their long forms."""
    document = yaml.load((ROOT / path).read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    assert isinstance(document, dict)
    return document


@dataclass(frozen=True, kw_only=True)
class ResolvedTemplate:
    """A template with parameter values; the others have their defaults."""

    template: Mapping[str, Any]
    values: Mapping[str, str] = field(default_factory=dict)
    pseudo: Mapping[str, str] = field(default_factory=lambda: PSEUDO)

    def __post_init__(self) -> None:
        unknown = self.values.keys() - self.template["Parameters"].keys()
        assert not unknown, f"no such parameters: {unknown}"

    def parameter(self, name: str) -> Any:
        """Return a parameter's value, lists split."""
        definition = self.template["Parameters"][name]
        value = str(self.values[name] if name in self.values else definition["Default"])
        return value.split(",") if definition["Type"] == "CommaDelimitedList" else value

    def condition(self, name: str) -> bool:
        """Return whether a condition holds."""
        return bool(self.resolve(self.template["Conditions"][name]))

    @property
    def resources(self) -> dict[str, Any]:
        """Each resource that is made, by logical id, with its properties resolved."""
        return {
            name: {**resource, "Properties": self.resolve(resource.get("Properties", {}))}
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the resolved properties of each resource of a type."""
        return {name: made["Properties"] for name, made in self.resources.items() if made["Type"] == kind}

    def refusals(self) -> list[str]:
        """Return the messages of the violated Rules and parameter constraints."""
        problems = [self._refusal(name) for name in self.template["Parameters"]]
        for rule in self.template.get("Rules", {}).values():
            if self.resolve(rule.get("RuleCondition", {"Fn::Equals": ["", ""]})):
                problems += [a["AssertDescription"] for a in rule["Assertions"] if not self.resolve(a["Assert"])]
        return [sentence for sentence in problems if sentence]

    def _refusal(self, name: str) -> str | None:
        definition, value = self.template["Parameters"][name], self.parameter(name)
        values = value if isinstance(value, list) else [value]
        allowed = [str(each) for each in definition.get("AllowedValues", values)]
        pattern = definition.get("AllowedPattern", ".*")
        fits = all(each in allowed and re.fullmatch(pattern, each, re.DOTALL) for each in values)
        return None if fits and self._in_range(definition, value) else str(definition["ConstraintDescription"])

    @staticmethod
    def _in_range(definition: Mapping[str, Any], value: Any) -> bool:
        if definition["Type"] != "Number":
            return True
        number = float(value)
        return bool(definition.get("MinValue", number) <= number <= definition.get("MaxValue", number))

    def resolve(self, value: Any) -> Any:
        """Return `value` with its functions applied; what only AWS knows becomes `<LogicalId.Attribute>`."""
        if isinstance(value, list):
            return [made for each in value if (made := self.resolve(each)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in {"Ref", "Condition"} or name.startswith("Fn::"):
                return self._apply(name, argument)
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not _NOTHING}

    def _apply(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            return f"<{'.'.join(argument)}>"
        if name == "Fn::Sub":
            return self._sub(argument)
        if name == "Fn::If":
            condition, then, otherwise = argument
            return self.resolve(then if self.condition(condition) else otherwise)
        if name == "Fn::FindInMap":
            table, row, column = (str(self.resolve(each)) for each in argument)
            return str(self.template["Mappings"][table][row][column])
        return self._list_function(name, argument) if name in _OF_LISTS else self._decide(name, argument)

    def _list_function(self, name: str, argument: Any) -> Any:
        first, second = self.resolve(argument[0]), self.resolve(argument[1])
        if name == "Fn::Select":
            return second[int(first)]
        return second.split(first) if name == "Fn::Split" else first.join(second)

    def _decide(self, name: str, argument: Any) -> bool:
        if name == "Condition":
            return self.condition(argument)
        values = [self.resolve(each) for each in argument]
        if name == "Fn::EachMemberEquals":
            return all(each == values[1] for each in values[0])
        if name == "Fn::Equals":
            return str(values[0]) == str(values[1])
        return {"Fn::And": all(values), "Fn::Or": any(values), "Fn::Not": not values[0]}[name]

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        return self.parameter(name) if name in self.template["Parameters"] else f"<{name}>"

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.resolve(each) for name, each in own.items()}

        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            return f"<{name}>" if "." in name else str(self._ref(name))

        return _VARIABLE.sub(replaced, text)


def canary(**values: str) -> ResolvedTemplate:
    """Return the canary's stack with the given parameters."""
    return ResolvedTemplate(template=read("template.yaml"), values=values)
