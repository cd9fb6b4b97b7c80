"""Targets in shards: none is lost, every shard fits into a parameter, and the function can read it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_canary.config.problems import SettingsError
from connect_canary.run import plan_run
from infra import shards
from infra.shard_deployment import allowed_endpoints, instructions
from infra.shards import ShardsError, document, read_targets, reference, split, template
from tests.template.cloudformation import ROOT, read
from tests.template.deployed_alarms import canary_alarms
from tests.unit.factories import environment
from tests.unit.fake_aws import FakeAws

TARGETS = [{"name": f"t{number}", "endpoint": "host.example"} for number in range(250)]


def _problems(*targets: object) -> tuple[str, ...]:
    with pytest.raises(ShardsError) as refused:
        read_targets(json.dumps({"targets": targets}), "targets.json")
    return refused.value.problems


def test_split_keeps_every_target_in_order() -> None:
    """The shards, concatenated, are the targets."""
    assert [target for shard in split(TARGETS, max_targets=40) for target in shard] == TARGETS


@given(sizes=st.lists(st.integers(0, 4000), min_size=1, max_size=60), max_targets=st.integers(1, 20))
def test_split_fits(sizes: list[int], max_targets: int) -> None:
    """No shard has more targets or characters than allowed."""
    targets = [{"name": str(number), "client_id_prefix": "x" * size} for number, size in enumerate(sizes)]
    parts = split(targets, max_targets=max_targets)
    assert [target for shard in parts for target in shard] == targets
    assert all(shard and len(shard) <= max_targets for shard in parts)
    assert all(len(document(shard)) <= shards.PARAMETER_CHARACTERS for shard in parts)


def test_split_target_too_long() -> None:
    """The error names a target that does not fit into a parameter."""
    with pytest.raises(ShardsError, match=r"targets\[1\] has \d+ characters; allowed: 4096"):
        split([TARGETS[0], {"name": "long", "ca_file": "x" * 5000}])


def test_split_too_many() -> None:
    """More shards than a template can have are an error."""
    with pytest.raises(ShardsError, match=r"this makes 250 shards; allowed: 166"):
        split(TARGETS, max_targets=1)


def test_document_is_ascii() -> None:
    """A parameter's size limit is in bytes, so a document has only characters of one byte."""
    assert document([{"name": "a", "authorizer_username": "Zoë"}]).isascii()


def test_read_targets_as_written() -> None:
    """References are not resolved, and the document's $schema is ignored."""
    targets = [{"name": "a", "authorizer_password": "secretsmanager:x#y"}]
    text = json.dumps({"$schema": "targets.schema.json", "targets": targets})
    assert read_targets(text, "targets.json") == targets


def test_read_targets_with_secret() -> None:
    """A literal secret is refused, because a template is no secret; the message does not contain it."""
    (problem,) = _problems({"name": "a", "authorizer_password": "marked-secret"})
    assert problem.startswith("targets[0].authorizer_password is a secret")
    assert "marked-secret" not in problem


def test_read_targets_all_problems() -> None:
    """Every problem of every target is reported."""
    assert len(_problems({"name": "a"}, {"name": "a"}, {"nme": "b"}, 3)) == 4


@pytest.mark.parametrize("text", ["", "[]", "{", '{"targets": []}'])
def test_read_targets_no_document(text: str) -> None:
    """Text that is not a targets document is refused with a message."""
    with pytest.raises(ShardsError, match=r"^targets\.json is "):
        read_targets(text, "targets.json")


def _of_type(kind: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    return [r["Properties"] for r in made["Resources"].values() if r["Type"] == kind]


def test_template_schedule_for_each_shard() -> None:
    """Each schedule sends a reference to its shard's parameter, without retries."""
    made = template("fleet", split(TARGETS, max_targets=100))
    parameters, schedules = _of_type("AWS::SSM::Parameter", made), _of_type("AWS::Scheduler::Schedule", made)
    inputs = [json.loads(schedule["Target"]["Input"]) for schedule in schedules]
    assert inputs == [{"targets": f"ssm:{parameter['Name']}"} for parameter in parameters]
    assert all(s["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0 for s in schedules)
    assert all(s["FlexibleTimeWindow"] == {"Mode": "OFF"} for s in schedules)


def test_shards_every_minute() -> None:
    """Shards that run every minute start together."""
    schedules = _of_type("AWS::Scheduler::Schedule", template("fleet", split(TARGETS, max_targets=100)))
    assert {schedule["ScheduleExpression"] for schedule in schedules} == {"rate(1 minute)"}


@pytest.mark.parametrize("every", [period for period in shards.PERIODS if period > 1])
def test_shards_start_a_minute_apart(every: int) -> None:
    """Shards with a longer period start a minute apart, so that their connects do not coincide."""
    schedules = _of_type("AWS::Scheduler::Schedule", template("fleet", split(TARGETS, max_targets=4), every=every))
    expressions = [schedule["ScheduleExpression"] for schedule in schedules]
    step = "" if every == 60 else f"/{every}"
    assert set(expressions) == {f"cron({minute}{step} * * * ? *)" for minute in range(every)}
    assert expressions[0] == expressions[every] != expressions[1]


def test_periods_are_the_alarms() -> None:
    """Shards run as often as a canary can."""
    assert list(shards.PERIODS) == read("template.yaml")["Parameters"]["EveryMinutes"]["AllowedValues"]


def test_template_fits() -> None:
    """The largest number of shards makes no more resources than a template may have."""
    made = template("fleet", split(TARGETS[: shards.MAX_SHARDS], max_targets=1))
    assert 497 < len(made["Resources"]) <= 500


@pytest.mark.parametrize("every", shards.PERIODS)
def test_alarm_is_the_canarys_for_one_shard(every: int) -> None:
    """A shard's silence is judged as the whole canary's is, and told on the same topic."""
    (whole,) = (alarm for name, alarm in canary_alarms(EveryMinutes=str(every)).items() if name == "SilentCanaryAlarm")
    made = template("stack-name", split(TARGETS, max_targets=100), every=every)
    for number, alarm in enumerate(_of_type("AWS::CloudWatch::Alarm", made), start=1):
        own = json.loads(json.dumps(alarm).replace('{"Ref": "FunctionName"}', '"<CanaryFunction>"'))
        shard = {"Name": "Shard", "Value": f"shard-{number:03}"}
        own["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"].remove(shard)
        assert own["AlarmActions"] == own["OKActions"] == [{"Ref": "AlarmTopicArn"}]
        told = {"AlarmDescription", "AlarmActions", "OKActions"}
        assert _as_texts(own, told) == _as_texts(whole, told)
        assert f"Shard shard-{number:03} of the canary stack-name" in own["AlarmDescription"]


def _as_texts(alarm: dict[str, Any], without: set[str]) -> Any:
    """Return the alarm with its numbers as a template writes them."""
    return json.loads(
        json.dumps({key: value for key, value in alarm.items() if key not in without}), parse_int=str, parse_float=str
    )


def test_template_role_may_invoke_only() -> None:
    """The schedules' role may only invoke the function."""
    (role,) = _of_type("AWS::IAM::Role", template("fleet", split(TARGETS)))
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"]["Fn::Sub"].endswith(":function:${FunctionName}")


def test_shards_make_plans(aws: FakeAws) -> None:
    """The function accepts each schedule's event, and together they run every target once."""
    made = template("fleet", split(TARGETS, max_targets=60))
    aws.parameters |= {parameter["Name"]: parameter["Value"] for parameter in _of_type("AWS::SSM::Parameter", made)}
    ran: list[str] = []
    for schedule in _of_type("AWS::Scheduler::Schedule", made):
        event = json.loads(schedule["Target"]["Input"])
        plan = plan_run(event, environment(name="fleet", allowed_endpoints="host.example"))
        ran += [planned.target.name for planned in plan.planned]
    assert ran == [target["name"] for target in TARGETS]


def test_command_line_writes_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The template is printed on standard output, how to deploy it on standard error."""
    path = tmp_path / "targets.json"
    path.write_text(document(TARGETS))
    assert shards.main([str(path), "--canary", "fleet", "--targets-per-shard", "50"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == template("fleet", split(TARGETS, max_targets=50))
    parameters = f"Name=fleet ScheduleState=DISABLED EveryMinutes=1 Targets={reference('fleet', 1)}"
    assert f'  make deploy PARAMETERS="{parameters} AllowedEndpoints=host.example"\n' in err
    assert "refer to" not in err


def test_command_line_names_the_endpoints_to_allow(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    """What it says to allow is enough for every shard of the example, and an endpoint by reference is named."""
    path = ROOT / "docs" / "targets.example.json"
    assert shards.main([str(path), "--canary", "fleet", "--targets-per-shard", "4", "--every", "5"]) == 0
    out, err = capsys.readouterr()
    assert "refer to: static-keys (ssm:/iot-connect-canary/fleet/endpoint).\n" in err
    (said,) = re.findall(r" AllowedEndpoints=(\S+)\"", err)
    assert re.fullmatch(read("template.yaml")["Parameters"]["AllowedEndpoints"]["AllowedPattern"], said)
    aws.parameters |= {p["Name"]: p["Value"] for p in _of_type("AWS::SSM::Parameter", json.loads(out))}
    refused = {host: _refused_endpoints(said, without=host) for host in said.split(",")}
    assert _refused_endpoints(said) == set()
    assert all(refused.values()), "a host that nothing needs is not to be allowed"


def _refused_endpoints(allowed: str, *, without: str = "") -> set[str]:
    """Return the targets of the three shards whose endpoint a canary with these allowed endpoints refuses."""
    hosts = ",".join(host for host in allowed.split(",") if host != without)
    problems: list[str] = []
    for number in (1, 2, 3):
        settings = environment(name="fleet", endpoint="own.example", allowed_endpoints=hosts)
        try:
            problems += plan_run({"targets": reference("fleet", number)}, settings).problems
        except SettingsError as error:  # no target of this shard is left: the example's secrets are not there
            problems += error.problems
    return {problem for problem in problems if "CANARY_ALLOWED_ENDPOINTS" in problem}


@pytest.mark.parametrize(
    ("endpoints", "allowed"),
    [
        ([None, None], []),
        (["a.example", "A.example:443", "b.example:8443"], ["a.example", "b.example:8443"]),
        (["c.example:8443", "c.example"], ["c.example"]),
        (["ssm:/x", "secretsmanager:y", "https://no.example"], []),
    ],
)
def test_allowed_endpoints(endpoints: list[str | None], allowed: list[str]) -> None:
    """Each host once, with a port only where that is another one; no reference, and nothing that is no endpoint."""
    targets = [{"name": str(n)} | ({"endpoint": each} if each else {}) for n, each in enumerate(endpoints)]
    assert allowed_endpoints(targets) == allowed


def test_many_hosts_are_warned_of() -> None:
    """A list that is longer than the settings can be is said, with the way out."""
    targets = [{"name": str(number), "endpoint": f"host-{number}.iot.example.com"} for number in range(200)]
    assert "*.example.com" in " ".join(instructions("fleet", targets, every=1, first=reference("fleet", 1)))


def test_command_line_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """- reads the document from standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(document(TARGETS[:3])))
    assert shards.main(["-", "--canary", "fleet"]) == 0
    assert "3 target(s) in 1 shard(s)" in capsys.readouterr().err


def test_command_line_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file exits with 2 and a message."""
    assert shards.main([str(tmp_path / "none.json"), "--canary", "fleet"]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["x", "--canary", "a b"],
        ["x", "--canary", "c", "--targets-per-shard", "0"],
        ["x", "--canary", "c", "--every", "7"],
    ],
)
def test_command_line_invalid_arguments(arguments: list[str]) -> None:
    """Invalid arguments exit with 2."""
    with pytest.raises(SystemExit) as ended:
        shards.main(arguments)
    assert ended.value.code == 2
