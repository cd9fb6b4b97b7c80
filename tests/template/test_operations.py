"""docs/operations.md agrees with the template."""

import re

from infra.cost import Workload, bill, total
from tests.template.cloudformation import canary
from tests.template.pages import Page, names
from tests.template.test_parameters import PARAMETERS

PAGE = Page("docs/operations.md")


def test_alarms_table() -> None:
    """Every alarm has its row, with what it makes of missing data and how many periods must be bad."""
    alarms = canary(LatencyThresholdMilliseconds="500").of_type("AWS::CloudWatch::Alarm")
    rows = {names(name)[0]: (when, missing) for name, when, missing in PAGE.rows("## Alarms")}
    assert rows.keys() == alarms.keys()
    for name, alarm in alarms.items():
        when, missing = rows[name]
        needed, of = alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]
        assert f"{needed} periods" in when if needed == of else f"{needed} of {of} periods" in when, name
        assert missing == {"ignore": "keeps its state", "breaching": "goes to ALARM"}[alarm["TreatMissingData"]], name
    assert f"fewer than {PARAMETERS['CertificateDaysThreshold']['Default']} days" in rows["CertificateAlarm"][0]


def test_alarm_parameters() -> None:
    """The sentence above the table names the parameters behind its numbers."""
    of, needed = (PARAMETERS[name]["Default"] for name in ("AlarmEvaluationPeriods", "AlarmDatapointsToAlarm"))
    sentence = f"`AlarmEvaluationPeriods` and `AlarmDatapointsToAlarm` are the {of} and the {needed}."
    assert sentence in PAGE.section("## Alarms")


def test_permissions() -> None:
    """Each action on AWS IoT that the role may take is listed, and the settings that change what it may do."""
    statements = [
        statement
        for policy in canary().resources["CanaryRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    of_iot = {action for s in statements for action in re.findall(r"iot:\w+", str(s["Action"]))}
    section = PAGE.section("## Permissions")
    assert of_iot == {name for name in names(section) if name.startswith("iot:")}
    assert {"ReadableParameters", "ReadableSecrets", "KmsKeyArn", "SubnetIds", "ClientId"} <= set(names(section))


def test_cost() -> None:
    """The words on the price are those of the arithmetic."""
    section = " ".join(PAGE.section("## Cost").split())
    assert "one target costs about two US dollars per month and a hundred targets about seventy" in section
    one, hundred = (total(bill(Workload(targets=targets, every=60))) for targets in (1, 100))
    assert (round(one), round(hundred, -1)) == (2, 70)
    metrics = next(line.dollars for line in bill(Workload(targets=100, every=60)) if line.subject == "Metrics")
    assert round(metrics / hundred, 1) == 0.8
