"""The command line without a network: what its flags mean, what is wrong with them, and what people see."""

import io
import itertools
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import pytest

from connect_canary import __version__
from connect_canary.cli.arguments import Arguments, argument_name, parse_arguments
from connect_canary.cli.console_report import COLUMNS, ConsoleReporter
from connect_canary.cli.parser import Command
from connect_canary.cli.reporter import OutputFormat
from connect_canary.config.problems import SettingsError
from connect_canary.config.settings import SETTINGS, Setting
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.owners import Owner
from connect_canary.model.percentile import percentile
from connect_canary.model.phases import Phase
from tests.unit.factories import document, outcome_of, plan_of
from tests.unit.handler_process import imported

HIDDEN = "hidden-mark"
SECRET_KEYS = [setting.key for setting in SETTINGS if setting.secret]


def _read(*arguments: str) -> Arguments:
    parsed = parse_arguments(arguments)
    assert parsed is not None
    return parsed


def _problems(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        parse_arguments(arguments)
    return raised.value.problems


def _input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


# -- flags ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Command.CONNECT, Command.CHECK])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_is_a_flag(command: Command, setting: Setting) -> None:
    """In lower snake case, with hyphens too, for both commands."""
    hyphens = f"--{setting.key.replace('_', '-')}=ssm:/value"
    for written in ([f"--{setting.key}", "ssm:/value"], [hyphens]):
        value = _read(command, *written).values[setting.key]
        assert (value.text, value.origin) == ("ssm:/value", f"--{setting.key}")


def test_flags_beside_the_settings() -> None:
    """Names add up, and times are numbers."""
    arguments = _read("connect", "--only", "a", "b", "--only", "c", "--json", "--repeat", "3", "--interval", "0.5")
    assert arguments.event == {"only": ["a", "b", "c"]}
    assert (arguments.output is OutputFormat.JSON, arguments.repeat, arguments.interval_s) == (True, 3, 0.5)


def test_nothing_beside_the_command() -> None:
    """One run of every target."""
    arguments = _read("connect")
    assert (arguments.values, arguments.event, arguments.repeat, arguments.output is OutputFormat.JSON) == (
        {},
        {},
        None,
        False,
    )


def test_hyphens_in_a_value_stay() -> None:
    """A value that looks like a setting's name is a value."""
    assert _read("connect", "--client_id=--ca-file").values["client_id"].text == "--ca-file"


def test_pem_text_as_ca_file_stays() -> None:
    """A value that begins with hyphens and holds spaces is not a flag."""
    pem = "-----BEGIN CERTIFICATE-----\nMIIB=\n-----END CERTIFICATE-----"
    assert _read("connect", "--ca_file", pem).values["ca_file"].text == pem


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["foo"], "'foo' is not a command; allowed: connect, check, report, or a host with a dot"),
        (["@targets.json"], "'@targets.json' is not a command"),
        (["--endpoint", "h"], "say what to do first: connect, check, report, for example: connect HOST"),
        (["--version", "x"], "argument COMMAND: invalid choice: 'x'"),
        (["--print-completion", "fish"], "--print-completion is 'fish'; allowed: bash, zsh"),
        (["--print-completion"], "--print-completion needs a value"),
        (["connect", "--endpont", "h"], "--endpont is not a flag of connect; did you mean --endpoint?"),
        (["connect", "--endpoin", "h"], "--endpoin is not a flag of connect; did you mean --endpoint?"),
        (["connect", "--hepl"], "--hepl is not a flag of connect; did you mean --help?"),
        (["connect", "--a.b=c"], "'--a.b' is not a flag of connect; connect --help lists them"),
        (["connect", "--z-z-z"], "--z-z-z is not a flag of connect; connect --help lists them"),
        (["connect", "-x"], "-x is not a flag of connect; connect --help lists them"),
        (["connect", "-pHiddenSecret"], "-p is not a flag of connect; connect --help lists them"),
        (["check", "--repeat", "3"], "--repeat is not a flag of check; it is one of connect"),
        (["connect", "a.b", "c.d"], "a value belongs to no flag; each follows its own (--endpoint HOST)"),
        (["connect", "--json", "h"], "a value belongs to no flag; each follows its own (--endpoint HOST)"),
        (["report", "a.json", "b.json"], "a value belongs to no flag; each follows its own"),
        (["a.b", "--endpoint", "c"], "HOST and --endpoint both name the endpoint; one of them is enough"),
        (["check", "--json=x"], "--json takes no value"),
        (["connect", "--region", "Ireland"], "--region is 'Ireland'; allowed: a region such as eu-west-1"),
        (["connect", "--profile"], "--profile needs a value"),
        (["connect", "--endpoint"], "--endpoint needs a value"),
        (["connect", "--client_id", "-x"], "--client_id needs a value; one that begins with a hyphen is written"),
        (["connect", "--only"], "--only needs a value"),
        (["connect", "--repeat", "0"], "--repeat is '0'; allowed: a whole number from 1 to 1000000"),
        (["connect", "--repeat", "2.5"], "--repeat is '2.5'; allowed: a whole number"),
        (["connect", "--repeat", "2", "--interval", "nan"], "--interval is 'nan'; allowed: seconds from 0 to 86400"),
        (["connect", "--interval", "1"], "--interval is the time between runs; it needs --repeat"),
        (["connect", "--endpoint", "a\udcffb"], "--endpoint is 'a\\udcffb'; allowed: text in UTF-8"),
    ],
)
def test_wrong_input_gets_a_sentence(arguments: Sequence[str], sentence: str) -> None:
    """Each names what was written and what is allowed."""
    (problem,) = _problems(*arguments)
    assert problem.startswith(sentence)


def test_value_joined_to_a_short_flag() -> None:
    """A newer Python reads it as further short flags; none repeats it."""
    (problem,) = _problems("check", "-vXiddenSecret")
    assert problem in {"-v/--verbose takes no value", "-X is not a flag of check; check --help lists them"}


def test_problems_of_flags_come_together() -> None:
    """All problems are reported at once."""
    assert len(_problems("connect", "--nope", "--repeat", "x", "--session_token", "t")) == 3


@pytest.mark.parametrize("word", ["h.example.com", "localhost:8443", "10.0.0.1", "https://h.example.com"])
@pytest.mark.parametrize("command", [None, "connect", "check"])
def test_host_needs_no_flag(command: Command | None, word: str) -> None:
    """After the command; and alone, because a dot or a port tells it from a command."""
    for arguments in ([word], [word, "--json"], ["--json", word]):
        if command is None and arguments[0] != word:
            continue
        parsed = _read(*([command] if command else []), *arguments)
        value = parsed.values["endpoint"]
        assert (parsed.command, value.text, value.origin) == (command or "connect", word, "HOST")


def test_host_after_the_command_needs_no_dot() -> None:
    """There it cannot be anything else."""
    assert _read("connect", "localhost").values["endpoint"].text == "localhost"


@pytest.mark.parametrize("flag", ["--log-group", "--log_group"])
def test_flag_of_the_command_line_in_both_forms(flag: str) -> None:
    """With hyphens or underscores, as the settings."""
    report = _read("report", flag, "g", "--html", "a_b-c").report
    assert report is not None
    assert report.log is not None
    assert (report.log.group, report.html) == ("g", "a_b-c")


def test_profile_region_and_verbosity() -> None:
    """Both commands take them; without, there is none."""
    for command in (Command.CONNECT, Command.CHECK):
        parsed = _read(command, "--profile", "dev", "--region", "us-gov-west-1", "-v")
        assert (parsed.profile, parsed.region, parsed.verbose) == ("dev", "us-gov-west-1", True)
        plain = _read(command)
        assert (plain.profile, plain.region, plain.verbose) == (None, None, False)


def test_version_says_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """This program, the SDK and Python, on one line."""
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--version"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown == (
        f"connect-canary {__version__} (awscrt {metadata.version('awscrt')}, awsiotsdk "
        f"{metadata.version('awsiotsdk')}, botocore {metadata.version('botocore')}, "
        f"Python {platform.python_version()})\n"
    )


# -- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [*SECRET_KEYS, "targets"])
def test_bare_secret_is_refused_and_not_shown(key: str) -> None:
    """Every process on a machine can read the arguments of the others."""
    (problem,) = _problems("connect", f"--{key}", HIDDEN)
    assert HIDDEN not in problem
    assert f"CANARY_{key.upper()}" in problem


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ({"authorizer_password": HIDDEN}, True),
        ({"authorizer_pasword": HIDDEN}, True),
        ({"authorizer_password": f"ssm:/password {HIDDEN}"}, True),
        ({"authorizer_name": {"authorizer_password": HIDDEN}}, True),
        ({"authorizer_password": ""}, False),
        ({"authorizer_password": "ssm:/password", "authorizer_name": "n"}, False),
        ({"endpoint": "a.example.com:8443"}, False),
    ],
)
def test_document_as_an_argument_holds_no_secret(entry: Mapping[str, object], *, refused: bool) -> None:
    """An unknown flag may be the misspelt name of a secret."""
    arguments = ("connect", "--targets", document({"name": "a", **entry}))
    if not refused:
        assert _read(*arguments).values["targets"].reveal() == arguments[-1]
        return
    (problem,) = _problems(*arguments)
    assert problem.startswith("--targets is '***'; a document that may hold secrets must not be an argument")


@pytest.mark.parametrize(
    "text",
    [
        f'{{"targets": [{{"name": "a", "authorizer_password": "{HIDDEN}", "authorizer_password": "ssm:/p"}}]}}',
        f'{{"targets": [{{"name": "a", "authorizer_name": "{HIDDEN}", "authorizer_name": "n"}}]}}',
        f'{{"targets": [{{"name": "a", "authorizer_password": "{HIDDEN}"}}], "targets": [{{"name": "a"}}]}}',
        f'{{"$schema": "{HIDDEN}", "$schema": "", "targets": [{{"name": "a"}}]}}',
    ],
    ids=["secret", "no-secret", "targets", "schema"],
)
def test_document_as_an_argument_names_no_member_twice(text: str) -> None:
    """JSON's last member hides the ones before it, which every process on the machine could read all the same."""
    (problem,) = _problems("connect", "--targets", text)
    assert problem.startswith("--targets is '***'; a document that may hold secrets must not be an argument")
    assert HIDDEN not in problem


@pytest.mark.parametrize(
    "arguments",
    [
        [f"--secret_acces_key={HIDDEN}"],
        ["--secret_acces_key", HIDDEN],
        ["--authorizer_password", HIDDEN, HIDDEN],
        ["--authorizer_password", "-", f"{HIDDEN}.rest"],
        ["--authorizer-password=ssm:/p", f"{HIDDEN}.rest"],
        ["--targets", "@targets.json", f"{HIDDEN}.rest"],
        ["--json", f"{HIDDEN}.a", f"{HIDDEN}.b"],
        ["--json", HIDDEN],
        [f"--json={HIDDEN}"],
        [f"--verbose={HIDDEN}"],
        [f"-vx{HIDDEN}"],
        ["--authorizer_password", "@/nowhere/at/all", HIDDEN],
    ],
)
def test_secret_in_the_wrong_place_is_not_shown(monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> None:
    """Behind a misspelt flag or one without a value, or the rest of it after an unquoted space."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    assert HIDDEN not in " ".join(_problems("connect", *arguments))


@pytest.mark.parametrize("key", [*SECRET_KEYS, "targets"])
def test_secret_from_a_file(tmp_path: Path, key: str) -> None:
    """Without the line end that editors write."""
    path = tmp_path / "secret"
    path.write_bytes(f" {HIDDEN} \r\n".encode())
    value = _read("connect", f"--{key}", f"@{path}").values[key]
    assert value.reveal().strip() == HIDDEN
    assert value.origin == f"--{key} (@{path})"


def test_secret_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is piped."""
    _input(monkeypatch, f"{HIDDEN}\n".encode())
    assert _read("connect", "--authorizer_password", "-").values["authorizer_password"].reveal() == HIDDEN


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "which holds nothing"),
        (b" \n", "which holds nothing"),
        (b"\xff\xfe", "which holds no text in UTF-8"),
        (bytes(4_000_001), "which holds too much"),
    ],
    ids=["empty", "blank", "binary", "huge"],
)
def test_file_without_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, sentence: str) -> None:
    """A file and standard input have the same rules."""
    path = tmp_path / "secret"
    path.write_bytes(data)
    _input(monkeypatch, data)
    for where in (f"@{path}", "-"):
        (problem,) = _problems("connect", "--session_token", where)
        assert sentence in problem


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The sentence states the cause."""
    (missing,) = _problems("connect", "--session_token", f"@{tmp_path / 'missing'}")
    (directory,) = _problems("connect", "--session_token", f"@{tmp_path}")
    assert "No such file or directory" in missing
    assert "Is a directory" in directory


def test_closed_standard_input_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon may have none."""
    monkeypatch.setattr("sys.stdin", None)
    (problem,) = _problems("connect", "--session_token", "-")
    assert problem == "--session_token is read from standard input, which is closed"


def test_standard_input_holds_one_secret() -> None:
    """Two could not be distinguished."""
    (problem,) = _problems("connect", "--session_token", "-", "--authorizer_password", "-")
    assert "cannot both be read from standard input" in problem


def test_unset_setting_has_a_name_that_can_be_written() -> None:
    """A flag, or for a secret its variable."""
    assert argument_name("endpoint") == "--endpoint"
    assert argument_name("only") == "--only"
    assert argument_name("session_token") == "CANARY_SESSION_TOKEN"


# -- help ----------------------------------------------------------------------------------------------------------


def _help(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments)
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["connect", "-h"], ["check", "--help"]])
def test_help_fits_into_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    """Also the parts that argparse does not wrap."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    assert max(len(line) for line in _help(capsys, *arguments).splitlines()) <= COLUMNS


def test_help_says_what_a_newcomer_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands, examples, exit codes; then every flag and how to give a secret."""
    overview, connect = _help(capsys, "--help"), _help(capsys, "connect", "--help")
    assert all(word in overview for word in ("connect", "check", "examples:", "exit codes:", "connect --help"))
    assert all(f"--{setting.key}" in connect for setting in SETTINGS)
    assert "@FILE" in connect


def test_no_argument_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help goes to standard error, and there are no arguments."""
    assert parse_arguments([]) is None
    assert "examples:" in capsys.readouterr().err


# -- what a start loads --------------------------------------------------------------------------------------------


def test_command_line_and_handler_do_not_know_each_other() -> None:
    """Neither loads the other, and the Lambda loads nothing that only people need."""
    assert not imported("import connect_canary.handler") & {
        f"connect_canary.{name}" for name in ("cli", "cli.arguments", "cli.console_report")
    }
    modules = imported("import connect_canary.cli.main")
    assert not modules & {"connect_canary.handler", "awscrt", "rich", "botocore", "boto3", "shtab"}


def test_screen_is_the_only_one_that_needs_rich() -> None:
    """With --json nothing else is needed."""
    modules = imported("import connect_canary.run, connect_canary.cli.arguments")
    assert "rich" not in modules


# -- what people see -----------------------------------------------------------------------------------------------


class _Stream(io.TextIOWrapper):
    """A stream with an encoding that keeps what is written."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding=encoding, newline="")

    @property
    def text(self) -> str:
        self.flush()
        return self.written.getvalue().decode(self.encoding)


def _report(*outcomes: Outcome, encoding: str = "utf-8") -> str:
    stream = _Stream(encoding)
    screen = ConsoleReporter(stream, runs=None)
    plan = plan_of()
    screen.on_run_start(1, plan)
    screen.on_run_done(plan, outcomes)
    screen.on_finish()
    return stream.text


REFUSED = outcome_of(
    healthy=False,
    connect_ms=None,
    disconnect_ms=None,
    phase=Phase.CONNACK,
    failure=Failure.NOT_AUTHORIZED,
    reason="CONNACK 135 Not authorized",
    owner=Owner.IAM,
    hint="iot:Connect is denied",
    error_name="AWS_ERROR_X",
    request_id="5b1d7f0a",
)
CERTIFICATE = {"subject": "*.iot", "issuer": "An issuer", "tls_version": "TLSv1.3"}


def test_bars_are_to_scale_and_begin_where_the_last_one_ended() -> None:
    """The longest phase has the longest bar, in 80 columns."""
    lines = _report(outcome_of(), encoding="ascii").splitlines()
    rows = {line.split()[0]: line for line in lines if line.endswith("#")}
    assert list(rows) == ["dns", "tcp", "tls", "upgrade", "connack", "disconnect"]
    ends = [(row.index("#"), row.rindex("#") + 1) for row in rows.values()]
    assert all(abs(later[0] - earlier[1]) <= 1 for earlier, later in itertools.pairwise(ends))
    width, whole = COLUMNS - ends[0][0], sum([*outcome_of().phases_ms.values(), 1.5])
    for phase, phase_ms in outcome_of().phases_ms.items():
        assert abs(rows[phase].count("#") - phase_ms / whole * width) <= 1
    assert max(len(line) for line in lines) <= COLUMNS


def test_failure_shows_phase_reason_and_hint() -> None:
    """And the owner, and the request id for AWS support."""
    report = _report(REFUSED)
    assert "NotAuthorized in phase connack" in report
    assert "IAM team" in report
    assert all(text in report for text in (REFUSED.reason or "", REFUSED.hint or "", "AWS_ERROR_X", "5b1d7f0a"))


def test_failure_without_a_phase_that_was_timed() -> None:
    """Credentials come before the clock, and a disconnect may have no end."""
    early = outcome_of(healthy=False, failure=Failure.CREDENTIALS_UNAVAILABLE, phase=Phase.CREDENTIALS, phases_ms={})
    late = outcome_of(healthy=False, failure=Failure.DISCONNECT_FAILED, phase=Phase.DISCONNECT, disconnect_ms=None)
    assert "CredentialsUnavailable in phase credentials" in _report(early)
    assert any(line.split() == ["disconnect", "failed"] for line in _report(late).splitlines())


def test_failure_without_any_phase() -> None:
    """A target that was never started has only its failure."""
    report = _report(
        outcome_of(healthy=False, failure=Failure.DEADLINE_EXCEEDED, phase=None, client_id="", phases_ms={})
    )
    assert "unhealthy    DeadlineExceeded\n" in report
    assert "client id" not in report


@pytest.mark.parametrize(("days", "message"), [(213.4, "213 days left"), (-2.0, "expired 2 days ago")])
def test_certificate_is_a_line(days: float, message: str) -> None:
    """Days, whom it is for, and who vouches for it."""
    report = _report(outcome_of(certificate=CERTIFICATE, certificate_days_left=days))
    assert f"certificate  {message}; for *.iot, issued by An issuer; TLSv1.3" in report


def test_expected_refusal_is_healthy() -> None:
    """It has no connect time, and shows the refusal."""
    report = _report(outcome_of(expect="refuse", connect_ms=None, disconnect_ms=None, reason="CONNACK 135"))
    assert "refused, as expected" in report
    assert "CONNACK 135" in report


def test_many_targets_show_the_ill_ones_in_full() -> None:
    """A line for each healthy one, and a count."""
    report = _report(outcome_of(target="a"), REFUSED, outcome_of(target="b"))
    assert [line.split()[:2] for line in report.splitlines()[:2]] == [["healthy", "a"], ["healthy", "b"]]
    assert report.count("unhealthy") == 1
    assert report.endswith("2 of 3 targets healthy\n")


def test_nothing_but_text_where_there_is_no_terminal() -> None:
    """No colour, no live line, no spaces at the ends of lines."""
    report = _report(REFUSED, outcome_of())
    assert not {"\x1b", "\r"} & set(report)
    assert all(line == line.rstrip() for line in report.splitlines())


def test_stream_that_cannot_show_a_name() -> None:
    """What its encoding lacks is written as an escape."""
    report = _report(outcome_of(client_id="tëst-1"), encoding="ascii")
    assert "t\\xebst-1" in report


def test_words_of_an_endpoint_are_no_markup() -> None:
    """Brackets and colons are shown as they are."""
    assert "[bold]x[/bold] :warning:" in _report(
        outcome_of(healthy=False, failure="X", reason="[bold]x[/bold] :warning:")
    )


def test_checked_targets_are_listed_masked() -> None:
    """Every setting that is set, a secret as asterisks, a bundle on one line."""
    stream = _Stream()
    plan = plan_of(auth_mode="sigv4-static", access_key_id=HIDDEN, secret_access_key=HIDDEN, client_id="c" * 128)
    ConsoleReporter(stream, runs=None).on_plan(plan)
    assert HIDDEN not in stream.text
    assert "secret_access_key      ***\n" in stream.text
    assert stream.text.endswith("1 target can be used; nothing was connected to\n")


def test_summary_of_many_runs() -> None:
    """Figures of the healthy ones, failures by name with the last one's reason, the most frequent first."""
    stream = _Stream()
    screen, plan = ConsoleReporter(stream, runs=40), plan_of()
    slow = outcome_of(connect_ms=500.0)
    silent = outcome_of(healthy=False, failure=Failure.TCP_TIMED_OUT, phase=Phase.TCP, reason="no answer " * 20)
    for run, outcome in enumerate(
        [*[outcome_of(connect_ms=float(ms)) for ms in range(1, 20)], slow, REFUSED, silent, silent]
    ):
        screen.on_run_start(run + 1, plan)
        screen.on_target_done(outcome)
        screen.on_run_done(plan, [outcome])
    screen.on_finish()
    lines = stream.text.splitlines()
    assert [line.split()[:4] for line in lines[:3]] == [
        ["run", "21", "prod", "NotAuthorized"],
        ["run", "22", "prod", "TcpTimedOut"],
        ["run", "23", "prod", "TcpTimedOut"],
    ]
    assert lines[1].endswith("...")
    row = next(line for line in lines if line.startswith("prod"))
    assert row.split() == ["prod", "20", "of", "23", "1.0", "ms", "10.5", "ms", "19.0", "ms"]
    assert [line for line in lines if " x " in line] == ["TcpTimedOut x 2  prod", "NotAuthorized x 1  prod"]
    assert max(len(line) for line in lines) <= COLUMNS


def test_summary_of_no_run_is_nothing() -> None:
    """Ctrl-C in the first run leaves nothing to sum up."""
    stream = _Stream()
    screen = ConsoleReporter(stream, runs=5)
    screen.on_run_start(1, plan_of())
    screen.on_finish()
    assert stream.text == ""


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (19, 19), (20, 19), (100, 95)])
def test_percentile_is_a_value_that_was_measured(count: int, expected: float) -> None:
    """The nearest rank: the smallest value that 95 % are not above."""
    assert percentile(map(float, range(1, count + 1)), 0.95) == expected
