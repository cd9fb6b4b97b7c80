"""The console report as people see it: whole screens, on a terminal with its colours and progress."""

import io

import pytest

from connect_canary.cli.console_report import ConsoleReporter
from connect_canary.model.failures import Failure
from connect_canary.model.outcome import Outcome
from connect_canary.model.owners import Owner
from connect_canary.model.phases import Phase
from tests.unit.factories import document, outcome_of, plan_of

CERTIFICATE = {"subject": "*.iot", "issuer": "An issuer", "tls_version": "TLSv1.3"}
HEALTHY = outcome_of(certificate=CERTIFICATE, certificate_days_left=213.4)
EXPECTED_REFUSAL = outcome_of(target="guarded", expect="refuse", connect_ms=None, disconnect_ms=None, reason="HTTP 403")
ILL = outcome_of(
    target="other",
    endpoint="b.example:8883",
    connect_ms=None,
    disconnect_ms=None,
    elapsed_ms=201.0,
    phases_ms={"dns": 0.0, "tcp": 100.0, "tls": 100.0},
    healthy=False,
    phase=Phase.TLS,
    failure=Failure.TLS_FAILED,
    reason="TLS: handshake failed",
    owner=Owner.NETWORK,
    hint="ask the owner",
    error_name="AWS_ERROR_X",
    request_id="5b1d7f0a",
    secrets_refreshed=True,
    certificate=CERTIFICATE,
    certificate_days_left=-0.6,
)
ILL_IN_FULL = """\
other  b.example:8883
sigv4, MQTT 5, client id test-prod-5f3a9c1e

dns               0.0 ms  #
tcp             100.0 ms  ###########################
tls             100.0 ms                             ###########################

unhealthy    TlsFailed in phase tls after 201.0 ms
reason       TLS: handshake failed
owner        network team
hint         ask the owner
request id   5b1d7f0a
error        AWS_ERROR_X
secrets      read anew after a first refusal
certificate  expired 1 days ago; for *.iot, issued by An issuer; TLSv1.3
"""


class _Stream(io.TextIOWrapper):
    """A file or a terminal of some encoding that keeps what is written."""

    def __init__(self, encoding: str = "ascii", *, terminal: bool = False) -> None:
        self._kept, self._terminal = io.BytesIO(), terminal
        super().__init__(self._kept, encoding=encoding, newline="")

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._terminal

    @property
    def shown(self) -> str:
        """What was written."""
        self.flush()
        return self._kept.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with colours and more columns than the report uses."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")


def _one_run(stream: _Stream, *outcomes: Outcome) -> str:
    """Return what one run without repetition shows."""
    reporter, plan = ConsoleReporter(stream, runs=None), plan_of()
    reporter.on_run_start(1, plan)
    for outcome in outcomes:
        reporter.on_target_done(outcome)
    reporter.on_run_done(plan, outcomes)
    reporter.on_finish()
    return stream.shown


def test_healthy_target() -> None:
    """Each phase is a bar that begins where the one before ends; the shortest has one character."""
    assert (
        _one_run(_Stream(), HEALTHY)
        == """\
prod  abc-ats.iot.eu-west-1.amazonaws.com:443
sigv4, MQTT 5, client id test-prod-5f3a9c1e

dns               1.2 ms  #
tcp               8.0 ms   ####
tls              17.4 ms       ##########
upgrade           9.1 ms                 #####
connack          58.4 ms                      #################################
disconnect        1.5 ms                                                       #

healthy      connected in 94.1 ms
certificate  213 days left; for *.iot, issued by An issuer; TLSv1.3
"""
    )


def test_ill_target() -> None:
    """The verdict says where it ended and after how long; each piece of evidence has its line."""
    assert _one_run(_Stream(), ILL) == ILL_IN_FULL


def test_bars_are_blocks_where_the_encoding_has_them() -> None:
    """In UTF-8 the bars have the same places as in ASCII."""
    assert _one_run(_Stream("utf-8"), ILL) == ILL_IN_FULL.replace("#", "█")


def test_phase_that_was_not_timed_has_failed() -> None:
    """It comes after the others, without a bar."""
    lost = outcome_of(healthy=False, failure=Failure.DISCONNECT_FAILED, phase=Phase.DISCONNECT, disconnect_ms=None)
    rows = _one_run(_Stream(), lost).splitlines()
    assert rows[7].rstrip("#").split() == ["connack", "58.4", "ms"]
    assert rows[8] == "disconnect        failed"


def test_expected_refusal() -> None:
    """The client says that it expected it; there is no connect to time."""
    lines = _one_run(_Stream(), EXPECTED_REFUSAL).splitlines()
    assert lines[1] == "sigv4, MQTT 5, client id test-prod-5f3a9c1e, expected to be refused"
    assert lines[-2:] == ["healthy      refused, as expected", "reason       HTTP 403"]


def test_certificate_without_names_or_version() -> None:
    """What a certificate does not say is said so; one that ends today is not expired."""
    shown = _one_run(_Stream(), outcome_of(certificate={}, certificate_days_left=0.0))
    assert shown.endswith("certificate  0 days left; for no name, issued by nobody named;\n")


def test_many_targets() -> None:
    """Healthy ones have a line each, times aligned at the right edge; the others follow in full."""
    assert _one_run(_Stream(), outcome_of(target="a"), ILL, EXPECTED_REFUSAL) == (
        "healthy      a        abc-ats.iot.eu-west-1.amazonaws.com:443            94.1 ms\n"
        "healthy      guarded  abc-ats.iot.eu-west-1.amazonaws.com:443            refused\n"
        f"\n{ILL_IN_FULL}\n2 of 3 targets healthy\n"
    )


def test_targets_that_are_all_ill() -> None:
    """Without a healthy target there is no table of them."""
    assert _one_run(_Stream(), ILL, ILL) == f"\n{ILL_IN_FULL}\n{ILL_IN_FULL}\n0 of 2 targets healthy\n"


def test_colours_on_a_terminal() -> None:
    """Good is green, bad is red, what is beside the point is dim; the phase that failed is red."""
    shown = _one_run(_Stream("utf-8", terminal=True), ILL)
    assert "\x1b[1mother\x1b[0m  b.example:8883\n" in shown
    assert "\x1b[2msigv4, MQTT 5, client id test-prod-5f3a9c1e\x1b[0m\n" in shown
    assert "\x1b[36mtcp        \x1b[0m     100.0 ms  \x1b[36;49m████" in shown
    assert "\x1b[31mtls        \x1b[0m     100.0 ms  \x1b[31;49m   " in shown
    assert "\x1b[1;31munhealthy    \x1b[0mTlsFailed in phase tls" in shown
    assert "\x1b[2mreason     \x1b[0m  TLS: handshake failed\n" in shown
    assert "\x1b[1;32mhealthy      \x1b[0mconnected in 94.1 ms\n" in _one_run(_Stream(terminal=True), HEALTHY)
    failed = outcome_of(healthy=False, failure="X", phase=Phase.CREDENTIALS, disconnect_ms=None)
    assert "\x1b[31mcredentials\x1b[0m       failed" in _one_run(_Stream(terminal=True), failed)
    many = _one_run(_Stream(terminal=True), HEALTHY, HEALTHY)
    assert "\x1b[32mhealthy    \x1b[0m  prod" in many
    assert many.endswith("\x1b[32m2 of 2 targets healthy\x1b[0m\n")
    assert _one_run(_Stream(terminal=True), HEALTHY, ILL).endswith("\x1b[31m1 of 2 targets healthy\x1b[0m\n")


def test_progress_of_one_run() -> None:
    """The line counts what is done, and is overwritten with spaces before the outcome is shown."""
    shown = _one_run(_Stream(terminal=True), HEALTHY)
    begin = ["", "connecting: 0 of 1 target done", "connecting: 1 of 1 target done", " " * 79]
    assert shown.split("\r")[:4] == begin
    assert shown.split("\r")[4].startswith("\x1b[1mprod\x1b[0m")


def test_no_progress_on_a_terminal_that_cannot_overwrite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dumb terminal, such as an editor's, shows only the outcomes."""
    monkeypatch.setenv("TERM", "dumb")
    assert "\r" not in _one_run(_Stream(terminal=True), HEALTHY)


def _many_runs(stream: _Stream, *outcomes: Outcome, runs: int) -> str:
    """Return what repeated runs of one target show."""
    reporter, plan = ConsoleReporter(stream, runs=runs), plan_of()
    for run, outcome in enumerate(outcomes):
        reporter.on_run_start(run + 1, plan)
        reporter.on_target_done(outcome)
        reporter.on_run_done(plan, [outcome])
    reporter.on_finish()
    return stream.shown


def test_progress_of_many_runs() -> None:
    """Healthy and failed runs are counted, with the latest latency; a shorter line covers the one before."""
    first, second = outcome_of(connect_ms=123456.78), outcome_of(target="prod", connect_ms=2.0)
    shown = _many_runs(_Stream(terminal=True), first, second, ILL, runs=3).split("\r")
    assert [part for part in shown if part.strip() and "ms" in part and "\n" not in part] == [
        "run 1 of 3  1 healthy  0 failed  last 123456.8 ms",
        *["run 2 of 3  1 healthy  0 failed  last 123456.8 ms"] * 2,
        "run 2 of 3  2 healthy  0 failed  last 2.0 ms",
        *["run 3 of 3  2 healthy  0 failed  last 2.0 ms"] * 2,
        "run 3 of 3  2 healthy  1 failed  last 2.0 ms",
    ]
    assert "\x1b[2mrun 3\x1b[0m  other    \x1b[31mTlsFailed              \x1b[0m  TLS: handshake failed\n" in shown[-4]


def test_summary_of_many_runs() -> None:
    """A row for each target and its latencies, then each kind of failure with its last evidence."""
    never = outcome_of(target="a", healthy=False, failure="X", phase=None, reason="r", connect_ms=None)
    *lines, rest = _many_runs(_Stream(), never, ILL, outcome_of(), outcome_of(connect_ms=8.0), runs=12).split("\n", 8)
    assert lines[:3] == [
        "run 1   a        X                        r",
        "run 2   other    TlsFailed                TLS: handshake failed",
        "",
    ]
    assert lines[3].startswith("2 runs in ")
    assert lines[4:] == [
        "target  healthy     min   median      p95",
        "a        0 of 1       -        -        -",
        "other    0 of 1       -        -        -",
        "prod     2 of 2  8.0 ms  51.1 ms  94.1 ms",
    ]
    assert rest.startswith("\nX x 1  a\nreason       r\n\nTlsFailed x 1  other\nreason       TLS: handshake failed\n")


def test_failures_of_several_targets_are_aligned() -> None:
    """Each line has room for the longest name."""
    stream, plan = _Stream(), plan_of(targets=document({"name": "a"}, {"name": "long-name"}))
    reporter = ConsoleReporter(stream, runs=2)
    reporter.on_run_start(1, plan)
    ill = [outcome_of(target=name, healthy=False, failure="X", reason="r") for name in ("a", "long-name")]
    reporter.on_run_done(plan, ill)
    assert stream.shown.splitlines() == [
        "run 1  a          X                        r",
        "run 1  long-name  X                        r",
    ]


def test_summary_of_healthy_runs_follows_at_once() -> None:
    """Without a failure there is no line above it."""
    first, *_ = _many_runs(_Stream(), outcome_of(), outcome_of(), runs=2).splitlines()
    assert first.startswith("2 runs in 0.")


def test_summary_in_colours() -> None:
    """A target that was always healthy is green, another red, as its failures are."""
    shown = _many_runs(_Stream(terminal=True), ILL, outcome_of(), runs=2)
    assert "\x1b[1m1 run in " in shown
    assert "\x1b[2mtarget\x1b[0m" in shown
    assert "\x1b[31m 0 of 1\x1b[0m" in shown
    assert "\x1b[32m 1 of 1\x1b[0m" in shown
    assert "\x1b[31mTlsFailed x 1\x1b[0m  other\n" in shown


def test_line_of_a_failure_is_cut_at_the_edge() -> None:
    """A reason that does not fit ends with dots in column 80; one that fits exactly is whole."""
    width = 80 - len("run 1  default  ") - len("CertificateNameMismatch  ")
    for length, end in ((width, "x"), (width + 1, "...")):
        ill = outcome_of(healthy=False, failure="X", phase=Phase.TLS, reason="x" * length)
        line = _many_runs(_Stream(), ill, runs=2).splitlines()[0]
        assert (len(line), line.endswith(end)) == (80, True)


def test_checked_target_is_listed() -> None:
    """A name, a setting a line, a long value cut to 120 characters, and how many can be used."""
    stream = _Stream()
    ConsoleReporter(stream, runs=None).on_plan(plan_of(authorizer_username="u" * 121, auth_mode="custom-unsigned"))
    lines = stream.shown.splitlines()
    assert lines[:2] == ["default", "endpoint               abc-ats.iot.eu-west-1.amazonaws.com:443"]
    assert f"authorizer_username    {'u' * 57}" in lines
    assert f"{' ' * 23}{'u' * 57}" in lines
    assert f"{' ' * 23}uuuuuu..." in lines
    assert lines[-2:] == ["", "1 target can be used; nothing was connected to"]


def test_phase_of_no_time_at_the_end() -> None:
    """Its bar is the last character of the line."""
    shown = _one_run(_Stream(), outcome_of(phases_ms={"dns": 10.0, "tcp": 0.0}, disconnect_ms=None))
    assert f"\ndns              10.0 ms  {'#' * 54}\ntcp               0.0 ms  {' ' * 53}#\n" in shown


def test_long_name_leaves_room_for_the_endpoint() -> None:
    """It is folded, and so is a long endpoint; nothing of both is lost."""
    long = outcome_of(target="name-" * 12 + "last", endpoint=f"{'e' * 34}.example:443")
    assert _one_run(_Stream(), long, outcome_of(endpoint="short.example:443")) == (
        "healthy      name-name-name-name-na  eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee  94.1 ms\n"
        "             me-name-name-name-name  .example:443\n"
        "             -name-name-name-last\n"
        "healthy      prod                    short.example:443                   94.1 ms\n"
        "\n2 of 2 targets healthy\n"
    )


def test_long_name_in_the_summary() -> None:
    """It is folded beside its figures."""
    shown = _many_runs(_Stream(), outcome_of(target="name-" * 12 + "last"), runs=2)
    assert shown.endswith(
        "target                                        healthy      min   median      p95\n"
        "name-name-name-name-name-name-name-name-name   1 of 1  94.1 ms  94.1 ms  94.1 ms\n"
        "-name-name-name-last\n"
    )


def test_narrow_terminal_keeps_figures_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are folded beside them."""
    monkeypatch.setenv("COLUMNS", "40")
    assert _many_runs(_Stream(), outcome_of(target="target"), runs=2).splitlines()[1:] == [
        "targ",
        "et    healthy      min   median      p95",
        "targ   1 of 1  94.1 ms  94.1 ms  94.1 ms",
        "et",
    ]
    monkeypatch.setenv("COLUMNS", "24")
    assert "healthy      p   94.1 ms\n" in _one_run(_Stream(), *[outcome_of(target="pq", endpoint="ab")] * 2)


def test_names_are_shown_as_they_are() -> None:
    """Nothing in them is a colour or a picture."""
    name = "[red]:bug:[/red]"
    for outcomes in ([outcome_of(target=name, endpoint=name)] * 2, [outcome_of(target=name, healthy=False)]):
        assert f" {name} " in f" {_one_run(_Stream(), *outcomes)}"
    assert f"{name}   1 of 1" in _many_runs(_Stream(), outcome_of(target=name), runs=2)


def test_long_evidence_is_folded() -> None:
    """A word that is longer than the line goes on in the next one."""
    shown = _one_run(_Stream(), outcome_of(healthy=False, failure="X", phase=Phase.TLS, reason="r" * 70))
    assert f"reason       {'r' * 67}\n             rrr\n" in shown
