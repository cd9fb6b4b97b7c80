"""The alarms of both templates, resolved for given parameters."""

from typing import Any

from tests.template.cloudformation import ResolvedTemplate, canary, read

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mine"
ALARM = "AWS::CloudWatch::Alarm"


def canary_alarms(**values: str) -> dict[str, Any]:
    """Return the alarms of the canary's own stack."""
    return canary(**values).of_type(ALARM)


def target_alarms(*targets: str, **values: str) -> dict[str, Any]:
    """Return the alarms that infra/target-alarms.yaml makes for each target."""
    template = read("infra/target-alarms.yaml")
    ((loop, (identifier, collection, fragment)),) = template["Resources"].items()
    assert loop.startswith("Fn::ForEach::")
    assert collection == {"Ref": "AlarmTargets"}
    alarms: dict[str, Any] = {}
    for target in targets:
        one = {**template["Parameters"], identifier: {"Type": "String", "Default": target}}
        stack = ResolvedTemplate(template={**template, "Parameters": one, "Resources": fragment}, values=values)
        # `&{Target}` is the name without characters that a logical id may not have.
        alnum = "".join(filter(str.isalnum, target))
        alarms |= {name.replace(f"&{{{identifier}}}", alnum): alarm for name, alarm in stack.of_type(ALARM).items()}
    return alarms
