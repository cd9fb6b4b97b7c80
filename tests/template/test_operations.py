"""docs/operations.md agrees with the template."""

import json
import re
import shlex
from datetime import timedelta

import boto3
import pytest
from botocore.validate import ParamValidator

from infra import shards
from infra.cost import Workload, bill, total
from infra.local.server.mute_rules import mute_rule_of
from tests.template.alarm_metrics import watched_metrics
from tests.template.cloudformation import canary, read
from tests.template.pages import Page, names
from tests.template.test_parameters import PARAMETERS

PAGE = Page("docs/operations.md")


CLOCK = read("template.yaml")["Mappings"]["Clock"]
TREATMENTS = {"ignore": "keeps its state", "breaching": "goes to ALARM", "notBreaching": "is healthy"}


def test_alarms_table() -> None:
    """Every alarm has its row, with what it makes of missing data, whether it is by target, and fixed numbers."""
    alarms = canary(LatencyThresholdMilliseconds="500").of_type("AWS::CloudWatch::Alarm")
    rows = {names(name)[0]: (when, missing) for name, when, missing in PAGE.rows("## Alarms")}
    assert rows.keys() == alarms.keys()
    for name, alarm in alarms.items():
        when, missing = rows[name]
        assert missing == TREATMENTS[alarm["TreatMissingData"]], name
        by_target = any(metric.by == ("Target",) for metric in watched_metrics(alarm))
        assert ("each target by itself" in when) is by_target, name
    assert f"fewer than {PARAMETERS['CertificateDaysThreshold']['Default']} days" in rows["CertificateAlarm"][0]
    for name, word in (
        ("CanaryErrorsAlarm", "2 runs"),
        ("CertificateAlarm", "3 runs"),
        ("SlowConnectAlarm", "3 connects"),
    ):
        assert word in rows[name][0]
        assert str(alarms[name]["DatapointsToAlarm"]) == word[0]


def test_clock_table() -> None:
    """Every choice of minutes has its row, with the numbers of the template."""
    (table,) = re.findall(r"(?:^\| `EveryMinutes`.*\n\|.*\n)((?:^\|.*\n)+)", PAGE.text, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    columns = ("BadRuns", "WithinMinutes", "SilentMinutes", "ConfirmAfterSeconds")
    assert rows == [[minutes, *(str(row[column]) for column in columns)] for minutes, row in CLOCK.items()]


def test_mute_command() -> None:
    """The command that mutes is a request that CloudWatch understands, and names alarms as the stack does."""
    (command,) = (command for command in PAGE.commands if command.startswith("aws cloudwatch put-alarm-mute-rule"))
    words = shlex.split(re.sub(r'"\$\(.*\)"', "TARGETS", command))
    options = dict(zip(words[3::2], words[4::2], strict=True))
    rule, targets = json.loads(options["--rule"]), {"AlarmNames": ["a"]}
    request = {"Name": options["--name"], "Rule": rule, "MuteTargets": targets}
    model = boto3.client("cloudwatch", region_name="eu-west-1").meta.service_model.operation_model("PutAlarmMuteRule")
    assert not ParamValidator().validate(request, model.input_shape).has_errors()
    assert mute_rule_of(request).duration == timedelta(hours=2)
    assert options["--mute-targets"] == "TARGETS"
    assert "ends_with(LogicalResourceId, 'Alarm')" in command
    resources = canary(LatencyThresholdMilliseconds="500").resources
    alarms = {name for name, made in resources.items() if made["Type"] == "AWS::CloudWatch::Alarm"}
    assert {name for name in resources if name.endswith("Alarm")} == alarms


def test_shards_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The command that deploys the canary beside its shards is the one that `infra.shards` prints for the example."""
    commands = list(PAGE.commands)
    (split,) = (command for command in commands if "infra.shards" in command)
    assert shards.main(shlex.split(split.partition(">")[0])[3:]) == 0
    (said,) = re.findall(r"make deploy .*", capsys.readouterr().err)
    assert said in [" ".join(command.replace("\\\n", " ").split()) for command in commands]


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
    assert metrics / hundred == pytest.approx(6 / 7, abs=0.02)
