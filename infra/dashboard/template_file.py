"""The place of the dashboard's body in template.yaml, between two markers, and the alarms that stand there."""

import re
import textwrap
from collections.abc import Sequence

from infra.dashboard.body import AlarmResource, as_text

BEGIN = "      # dashboard: written by `.venv/bin/python -m infra.dashboard --write template.yaml`"
END = "      # dashboard: end"
_ALARM = re.compile(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm\n(?:    Condition: (\w+)\n)?", re.MULTILINE)
_VARIABLES = """\
- Canary: !If [HasName, !Ref Name, !Ref AWS::StackName]
  Rate: !FindInMap [Clock, !Ref EveryMinutes, Rate]
  PeriodSeconds: !FindInMap [Clock, !Ref EveryMinutes, PeriodSeconds]
  PagesGoTo: !If
    - HasAlarmEmail
    - !Sub ${AlarmEmail}, once its owner has confirmed the subscription
    - !If
      - MakesTopic
      - !If [HasPageWebhook, the webhook only, "NOBODY: set AlarmEmail, AlarmTopicArn or PageWebhookUrl"]
      - !Sub whoever is subscribed to ${AlarmTopicArn}
  Runbook: !If [HasRunbookUrl, !Sub "[Runbook](${RunbookUrl})", "Runbook: docs/runbook.md"]
"""


class TemplateError(ValueError):
    """The template lacks its markers."""


def alarms_of(template: str) -> list[AlarmResource]:
    """Return the alarms of a template, in its order."""
    return [AlarmResource(logical_id=name, condition=condition or None) for name, condition in _ALARM.findall(template)]


def generated(alarms: Sequence[AlarmResource]) -> str:
    """Return the property DashboardBody, indented as it stands in the template."""
    conditional = [
        f"""  {alarm.logical_id}: !If [{alarm.condition}, !Sub ', "${{{alarm.logical_id}.Arn}}"', ""]\n"""
        for alarm in alarms
        if alarm.condition
    ]
    variables = textwrap.indent(_VARIABLES + "".join(conditional), "        ")
    return f"      DashboardBody: !Sub\n        - |\n{textwrap.indent(as_text(alarms), ' ' * 10)}\n{variables}"


def rewritten(template: str) -> str:
    """Return the template's text with the body that belongs to it; raise TemplateError if it has no markers."""
    before, begin, rest = template.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise TemplateError(f"the template has no lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}{generated(alarms_of(template))}{end}{after}"
