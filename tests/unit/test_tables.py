"""Closed sets are tables: each member has its part in the code, the template, the JSON Schema, the help and the docs.

How to add a member, file by file: docs/how-to-add.md.
"""

import contextlib
import importlib
import io
import pkgutil
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from types import ModuleType
from typing import Any, cast

import jsonschema
import pytest
from aws_lambda_powertools import Logger

from connect_canary import reporting
from connect_canary.cli import help_text
from connect_canary.cli.arguments import parse_arguments
from connect_canary.cli.parser import FLAGS, GLOBAL_FLAGS
from connect_canary.cli.reporter import DEFAULT_OUTPUT, OUTPUT_HELP, OutputFormat, ReportOptions
from connect_canary.cli.reporter import REPORTERS as OUTPUTS
from connect_canary.config import sources
from connect_canary.config.auth_rules import AUTH_RULES, PLACEMENT_RULES
from connect_canary.config.references import ReferenceResolver
from connect_canary.config.settings import BY_KEY, TARGET_KEYS
from connect_canary.config.sources.schemes import SCHEMES, is_reference
from connect_canary.config.sources.source import ReferenceSource
from connect_canary.config.sources.table import SOURCES
from connect_canary.model.failures import Evidence, Failure, classify
from connect_canary.model.hints import hint
from connect_canary.model.mqtt import PROTOCOLS, MqttVersion
from connect_canary.model.phases import Phase
from connect_canary.model.reasons import reason
from connect_canary.model.secret import Secret
from connect_canary.model.target import AuthMode, AuthorizerPlacement
from connect_canary.probe import clients
from connect_canary.probe.auth.placement import PLACEMENTS
from connect_canary.probe.auth.table import AUTH_STRATEGIES, authenticate
from connect_canary.probe.clients.table import CONNECTIONS
from connect_canary.reporting.log import new_logger
from connect_canary.reporting.table import REPORTERS, RUN_REPORTERS, RunContext
from infra.cost import Workload, bill, metrics_price
from infra.targets_schema import schema
from tests.faulty.cases import MODES, Case
from tests.faulty.scenarios import SCENARIOS
from tests.template.cloudformation import ROOT, canary
from tests.template.emitted_metrics import emitted, outcome
from tests.template.pages import Page, names
from tests.template.test_parameters import KNOWN_AT_DEPLOYMENT, OF_SETTINGS
from tests.unit.factories import REGION, plan_of, target_of
from tests.unit.fake_aws import FakeAws

_FAULTS = Page("docs/faults.md").text
REFERENCE_PAGE = Page("docs/reference.md")
VALIDATOR = jsonschema.Draft7Validator(schema())
SIGNED = {"authorizer_token_key_name": "token", "authorizer_token_value": "value", "authorizer_token_signature": "c2ln"}
# What each mode needs to be planned.
NEEDED: Mapping[AuthMode, Mapping[str, str]] = {
    AuthMode.SIGV4: {},
    AuthMode.SIGV4_STATIC: {"access_key_id": "AKID", "secret_access_key": "SECRET"},
    AuthMode.CUSTOM_UNSIGNED: {},
    AuthMode.CUSTOM_SIGNED: SIGNED,
}
# Failures that no endpoint can provoke, and the test that does so over real sockets.
PROVOKED_BY = {
    Failure.CREDENTIALS_UNAVAILABLE: "tests/integration/test_faulty_endpoint.py",
    Failure.DEADLINE_EXCEEDED: "tests/integration/test_faulty_endpoint.py",
    Failure.UNEXPECTED_ACCEPT: "tests/integration/test_faulty_endpoint.py",
    Failure.UNCLASSIFIED: "tests/integration/test_tunnel_failure.py",
    Failure.TCP_FAILED: "tests/integration/test_name_resolution.py",
}
# What each reporter leaves on standard output, in the order of the table.
REPORTED = ('"CloudWatchMetrics"', '"message":"connect attempt finished"')
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.scheme)


# -- every table has every member ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "table"),
    [
        (AuthMode, AUTH_RULES),
        (AuthMode, AUTH_STRATEGIES),
        (AuthMode, NEEDED),
        (AuthorizerPlacement, PLACEMENT_RULES),
        (AuthorizerPlacement, PLACEMENTS),
        (MqttVersion, PROTOCOLS),
        (MqttVersion, CONNECTIONS),
        (OutputFormat, OUTPUTS),
        (OutputFormat, OUTPUT_HELP),
    ],
)
def test_table_is_complete(members: type[StrEnum], table: Mapping[StrEnum, object]) -> None:
    """A member without a row would only be noticed when somebody uses it."""
    assert list(table) == list(members)


@contextlib.contextmanager
def _without(table: Mapping[Any, object], member: str) -> Iterator[None]:
    """Take a row out of a table, as if somebody had forgotten to add it."""
    rows, changed = dict(table), cast("dict[str, object]", table)
    del changed[member]
    try:
        yield
    finally:
        changed.clear()
        changed.update(rows)


@pytest.mark.parametrize("table", [AUTH_STRATEGIES, PLACEMENTS, CONNECTIONS, OUTPUTS, SOURCES])
def test_no_member_has_the_part_of_another(table: Mapping[str, object]) -> None:
    """Two members with the same part would be one under two names."""
    assert len({id(part) for part in table.values()}) == len(table)


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    found = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in found}


def _made_in(package: ModuleType, wanted: Callable[[object], bool]) -> list[object]:
    """Return what the modules of a package make themselves, and not import."""
    return [
        value
        for module in _modules(package).values()
        for value in vars(module).values()
        if wanted(value) and getattr(value, "__module__", module.__name__) == module.__name__
    ]


def test_every_mqtt_client_is_in_the_table() -> None:
    """A client that no version uses would never connect."""
    made = _made_in(clients, lambda value: isinstance(value, type) and value.__name__.startswith("Mqtt"))
    assert set(made) == {row() for row in CONNECTIONS.values()}


def test_every_reference_source_is_in_the_table() -> None:
    """A source that is not would never be asked."""
    made = [v for m in _modules(sources).values() for v in vars(m).values() if isinstance(v, ReferenceSource)]
    assert {id(source) for source in made} == {id(source) for source in SOURCES.values()}
    assert all(scheme == source.scheme for scheme, source in SOURCES.items())
    assert tuple(SOURCES) == SCHEMES


def test_every_reporter_is_in_the_table() -> None:
    """Each module of the room is used by the table, and each row reports in its own way."""
    table = (ROOT / "function" / "connect_canary" / "reporting" / "table.py").read_text()
    used = re.findall(r"^from connect_canary\.reporting\.(\w+) import", table, re.MULTILINE)
    assert sorted([*used, "table"]) == sorted(_modules(reporting))
    assert len({*REPORTERS, *RUN_REPORTERS}) == len(REPORTERS) + len(RUN_REPORTERS) == len(used)
    assert len(REPORTERS) == len(REPORTED)


@pytest.mark.parametrize("number", range(len(REPORTERS)))
def test_every_reporter_leaves_what_it_is_for(number: int) -> None:
    """What is reported of an outcome is there because of its row in the table, and of no other."""
    written = io.StringIO()
    # Loggers are kept by name, with their stream, so this one needs a name of its own.
    formatter = new_logger().registered_formatter
    log = Logger(service=f"test-reporter-{number}", stream=written, logger_formatter=formatter)
    with contextlib.redirect_stdout(written):
        REPORTERS[number](RunContext(canary="fleet", cold_start=False, log=log), outcome())
    assert [trace for trace in REPORTED if trace in written.getvalue()] == [REPORTED[number]]


# -- nothing falls through -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", AuthMode)
async def test_mode_without_a_strategy_authenticates_as_nothing(mode: AuthMode) -> None:
    """A mode that has only its name ends the run as a bug; it does not become another mode."""
    target = target_of(auth_mode=mode, **NEEDED[mode])
    with _without(AUTH_STRATEGIES, mode), pytest.raises(KeyError, match=mode):
        await authenticate(target)


@pytest.mark.parametrize("mode", AuthMode)
def test_mode_without_rules_is_not_planned(mode: AuthMode) -> None:
    """Without rules its settings would not be validated."""
    with _without(AUTH_RULES, mode), pytest.raises(KeyError, match=mode):
        plan_of(auth_mode=mode, **NEEDED[mode])


@pytest.mark.parametrize("placement", AuthorizerPlacement)
@pytest.mark.parametrize("table", [PLACEMENTS, PLACEMENT_RULES])
def test_placement_without_a_row_is_not_planned(
    table: Mapping[AuthorizerPlacement, object], placement: AuthorizerPlacement
) -> None:
    """Neither its size nor its characters would be validated."""
    with _without(table, placement), pytest.raises(KeyError, match=placement):
        plan_of(auth_mode="custom-signed", authorizer_placement=placement, **SIGNED)


@pytest.mark.parametrize(
    "text", ["vault:/a", "other:bucket/key", "SSM:/a", "Secretsmanager:a", "ssm", "ssm:", "ssm: /a"]
)
def test_unknown_scheme_is_never_fetched(aws: FakeAws, text: str) -> None:
    """It is the value itself, and no service is asked for it."""
    target = target_of(auth_mode="custom-unsigned", authorizer_password=text)
    assert target.authorizer_password == Secret(text)
    assert aws.requests == []


@every_source
def test_scheme_without_a_source_is_never_fetched(aws: FakeAws, source: ReferenceSource) -> None:
    """No source answers in the place of another."""
    aws.parameters, aws.secrets = {"a": "x"}, {"a": "x"}
    with _without(SOURCES, source.scheme), pytest.raises(KeyError, match=source.scheme):
        ReferenceResolver(REGION).fetch(f"{source.scheme}:a")
    assert aws.requests == []


# -- reference sources ---------------------------------------------------------------------------------------------


@every_source
def test_forms_of_a_source_are_references(source: ReferenceSource) -> None:
    """Code and JSON Schema take each form as a reference, in every setting; the help shows it."""
    assert source.forms
    for form in source.forms:
        assert form.startswith(f"{source.scheme}:")
        assert is_reference(form)
        assert VALIDATOR.is_valid({"targets": [{"name": "a", **dict.fromkeys(TARGET_KEYS, form)}]})
        assert form in help_text.SETTINGS_HELP
    assert source.forms[-1] in help_text.SECRETS_HELP


@every_source
@pytest.mark.parametrize("name", OF_SETTINGS)
def test_parameter_takes_references_of_every_source(source: ReferenceSource, name: str) -> None:
    """But for choices, and for what permissions and alarms are made from."""
    for form in source.forms:
        refused = bool(canary(**{name: form}).refusals())
        assert refused is (name in KNOWN_AT_DEPLOYMENT or bool(OF_SETTINGS[name].choices)), form


@every_source
def test_pages_show_how_a_source_is_written(source: ReferenceSource) -> None:
    """The list of references has a line for each source."""
    bullets = [line for line in REFERENCE_PAGE.section("### References").splitlines() if line.startswith("- ")]
    (own,) = [line for line in bullets if line.startswith(f"- `{source.scheme}:")]
    assert len(bullets) == len(SOURCES)
    assert own.endswith((".", ","))


def test_role_may_read_from_every_source() -> None:
    """The canary's own prefix of each service, what else is named, and what the key decrypts."""
    account = "eu-west-1:123456789012"
    arns = {
        "ReadableParameters": f"arn:aws:ssm:{account}:parameter/a",
        "ReadableSecrets": f"arn:aws:secretsmanager:{account}:secret:a",
        "KmsKeyArn": f"arn:aws:kms:{account}:key/1234abcd",
    }
    policies = canary(**arns).resources["CanaryRole"]["Properties"]["Policies"]
    statements = {policy["PolicyName"]: policy["PolicyDocument"]["Statement"] for policy in policies}
    assert _services(statements["read-own-prefix"]) == set(SOURCES)
    named = [each for name, found in statements.items() if name.startswith("read-") for each in found]
    assert _services(named[len(statements["read-own-prefix"]) :]) == set(SOURCES)
    decrypt, _ = statements["use-key"]
    services = {f"{scheme}.eu-west-1.amazonaws.com" for scheme in SOURCES}
    assert set(decrypt["Condition"]["StringEquals"]["kms:ViaService"]) == services


def _services(statements: Collection[Mapping[str, Any]]) -> set[str]:
    """Return the prefixes of the actions that statements allow."""
    return {action.partition(":")[0] for s in statements for action in _as_list(s["Action"])}


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# -- output formats and flags --------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", OutputFormat)
def test_output_format_has_a_flag(output: OutputFormat) -> None:
    """Every format but the default one is a flag of its name."""
    flags = [] if output is DEFAULT_OUTPUT else [f"--{output}"]
    parsed = parse_arguments(["check", *flags])
    assert parsed is not None
    assert parsed.output is output


@pytest.mark.parametrize("output", OutputFormat)
def test_output_format_shows_a_failure(capsys: pytest.CaptureFixture[str], output: OutputFormat) -> None:
    """Whatever the form: the target, the failure and its reason are shown."""
    plan = plan_of()
    failed = outcome(target="prod", healthy=False, phase=Phase.CONNACK, failure=Failure.NOT_AUTHORIZED, reason="denied")
    reporter = OUTPUTS[output](ReportOptions())
    reporter.on_run_start(1, plan)
    reporter.on_target_done(failed)
    reporter.on_run_done(plan, [failed])
    reporter.on_finish()
    printed = capsys.readouterr().out
    assert [text for text in ("prod", "NotAuthorized", "denied") if text not in printed] == []


def test_flags_are_documented() -> None:
    """The page has a row for each flag that is no setting."""
    flags = {flag for of_command in (GLOBAL_FLAGS, *FLAGS.values()) for flag in of_command}
    assert {names(row[0])[0].split()[0] for row in REFERENCE_PAGE.rows("## Command line")} == flags


# -- failures, phases and metrics ----------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", Failure)
def test_failure_is_provoked_and_explained(failure: Failure) -> None:
    """A scenario or a test provokes it over real sockets; hint, runbook and reference have a part on it."""
    provoked = {expected.failure for s in SCENARIOS for expected in (s.expected, s.expected_311) if expected}
    assert (failure in provoked) is not (failure in PROVOKED_BY)
    if failure in PROVOKED_BY:
        assert f'"{failure}"' in (ROOT / PROVOKED_BY[failure]).read_text()
    assert all(hint(failure, mode, Evidence(phase=None)) for mode in AuthMode)
    assert f"\n### {failure}\n" in Page("docs/runbook.md").text
    assert [row for row in REFERENCE_PAGE.rows("## Failures") if names(row[1]) == [failure]]


def test_page_of_faults_names_the_failure_of_each_scenario() -> None:
    """What docs/faults.md was written with is what the scenarios expect today."""
    rows = re.findall(r"^\| (.+?) \| (both|[0-9.]+) \|.+\| (?:\*\*(\w+)\*\*|healthy)", _FAULTS, re.MULTILINE)
    named = {(title, version): failure for title, version, failure in rows}
    for scenario in SCENARIOS:
        for version in scenario.versions:
            failure = named.get((scenario.title, "both"), named.get((scenario.title, version)))
            assert failure == (scenario.expects(version).failure or ""), (scenario.id, version)


@pytest.mark.parametrize("timed_out", [False, True])
@pytest.mark.parametrize("phase", Phase)
def test_phase_has_a_failure_and_a_reason(phase: Phase, timed_out: bool) -> None:  # noqa: FBT001 - a parameter
    """For an attempt that ends there by an error, and for one that the deadline ends there."""
    evidence = Evidence(phase=phase, timed_out=timed_out, error_name="AWS_ERROR_X")
    assert classify(evidence) not in {Failure.UNCLASSIFIED, Failure.DEADLINE_EXCEEDED}
    assert reason(evidence, 1000)


@pytest.mark.parametrize("phase", Phase)
def test_phase_is_provoked_and_explained(phase: Phase) -> None:
    """A scenario ends in it, the runbook has a part for its failures, and the reference a row."""
    ended = {expected.phase for s in SCENARIOS for expected in (s.expected, s.expected_311) if expected}
    # No endpoint is asked before there are credentials, or an address.
    assert phase in ended | {Phase.CREDENTIALS, Phase.DNS}
    assert f"\n## {phase}\n" in Page("docs/runbook.md").text
    assert [row for row in REFERENCE_PAGE.rows("## Failures") if row[0] == phase]


def test_modes_and_placements_are_tried_over_real_sockets() -> None:
    """The cases of the faulty endpoint have each of them."""
    entries = [Case(scenario="healthy", version=MqttVersion.V5, mode=mode).target(1, "") for mode in MODES]
    assert {entry["auth_mode"] for entry in entries} == set(AuthMode)
    default = BY_KEY["authorizer_placement"].default
    assert {entry.get("authorizer_placement", default) for entry in entries} == set(AuthorizerPlacement)


def test_price_counts_every_metric() -> None:
    """A metric with another set of dimensions is another metric to pay for."""
    printed = {(datum.name, frozenset(datum.dimensions.items())) for datum in emitted("c", outcome())}
    (metrics,) = [line for line in bill(Workload(targets=1)) if line.subject == "Metrics"]
    assert metrics.dollars == pytest.approx(metrics_price(len(printed)))
