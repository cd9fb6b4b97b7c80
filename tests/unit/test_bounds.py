"""One target cannot hurt the others: sizes, numbers and times of what users and documents write are bounded."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from connect_canary.config.problems import MAX_PROBLEMS, SettingsError, bounded
from connect_canary.config.targets_document import MAX_DOCUMENT_BYTES, MAX_TARGETS
from connect_canary.probe.tls_trust import MAX_BUNDLE_BYTES
from connect_canary.run import plan_run
from tests.unit.factories import document, environment, pem, problems_of
from tests.unit.fake_aws import FakeAws
from tests.unit.handler_process import invoke

PLANNING_S = 10.0


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_bundle_is_a_regular_file(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device never ends and a pipe never begins; the other targets run."""
    # A long path would be shown in part only.
    monkeypatch.chdir(tmp_path)
    path = {"device": Path("/dev/zero"), "pipe": Path("pipe"), "folder": Path()}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    plan = plan_run({}, environment(targets=document({"name": "good"}, {"name": "bad", "ca_file": str(path)})))
    assert [planned.target.name for planned in plan.planned] == ["good"]
    why = "Is a directory" if kind == "folder" else "it is no regular file"
    assert plan.problems == (f"targets[1].ca_file is '{path}'; allowed: a file that can be read ({why})",)


def test_bundle_has_at_most_a_megabyte(tmp_path: Path) -> None:
    """A sparse file of a gigabyte is not read."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(b"")
    os.truncate(path, MAX_BUNDLE_BYTES)
    assert problems_of(ca_file=str(path))[0].endswith("allowed: a bundle of certificates in PEM")
    os.truncate(path, 1_000_000_000)
    assert problems_of(ca_file=str(path))[0].endswith("(it has more than 1,000,000 bytes)")


def _entries(number: int, **settings: str) -> str:
    return document(*({"name": f"t{index}", **settings} for index in range(number)))


def test_document_has_at_most_2000_targets() -> None:
    """The last one is used, and one more is refused."""
    assert len(plan_run({}, environment(targets=_entries(MAX_TARGETS))).planned) == MAX_TARGETS
    assert problems_of(targets=_entries(MAX_TARGETS + 1)) == (
        "CANARY_TARGETS has 2,001 targets; allowed: at most 2,000",
    )


def test_path_has_at_most_2000_parameters(aws: FakeAws) -> None:
    """One parameter a target."""
    aws.page = 10
    aws.parameters = {f"/targets/t{index}": "{}" for index in range(MAX_TARGETS + 1)}
    assert problems_of(targets="ssm:/targets/") == (
        "CANARY_TARGETS refers to ssm:/targets/: ssm:/targets/ holds 2,001 targets; allowed: at most 2,000",
    )


def test_document_has_at_most_256_kb() -> None:
    """In bytes of UTF-8."""
    short = document({"name": "a"})
    longest = short.replace("{", "{" + " " * (MAX_DOCUMENT_BYTES - len(short)), 1)
    assert problems_of(targets=longest) == ()
    wide = document({"name": "a", "authorizer_username": "é" * (MAX_DOCUMENT_BYTES // 2)}).replace("\\u00e9", "é")
    for text in (longest.replace(" ", "  ", 1), wide):
        assert problems_of(targets=text) == ("CANARY_TARGETS is too long; allowed: at most 256 KB",)


HOSTILE: dict[str, tuple[Mapping[str, object], dict[str, str]]] = {
    "2,000 targets with four problems each": (
        {},
        {"targets": _entries(2000, endpoint="http://x", auth_mode="xx", zzz="1", timeout_seconds="0")},
    ),
    "an entry of 15,000 unknown keys": (
        {},
        {"targets": document({"name": "a", **{f"key{index}": 1 for index in range(15_000)}})},
    ),
    "300 misspelt names of 1,000 targets": (
        {"only": [f"targt-{index}" for index in range(300)]},
        {"targets": document(*({"name": f"target-{index}"} for index in range(1000)))},
    ),
    "2,000 targets with a bad key each": (
        {},
        {"targets": _entries(2000, auth_mode="custom-signed", authorizer_signing_key="no key")},
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_problems_are_bounded(what: str) -> None:
    """The first 20 and how many more there are, in a time that no schedule notices."""
    event, settings = HOSTILE[what]
    began = time.monotonic()
    with pytest.raises(SettingsError) as raised:
        plan_run(event, environment(**settings))
    assert time.monotonic() - began < PLANNING_S
    shown = bounded(raised.value.problems)
    assert len(shown) == MAX_PROBLEMS + 1
    assert shown[-1] == f"and {len(raised.value.problems) - MAX_PROBLEMS:,} more"
    assert len(str(raised.value)) < 10_000


def test_log_has_the_first_problems_only() -> None:
    """The record, the exception and what Lambda makes of it."""
    run = invoke({**environment(targets=_entries(2000, endpoint="http://x"))})
    (line,) = [line for line in run.output.splitlines() if '"problems"' in line]
    record = json.loads(line)
    assert len(record["problems"]) == MAX_PROBLEMS + 1
    assert record["problems"][-1] == "and 1,980 more"
    assert len(line) + len(run.errors) < 20_000


def test_20_problems_are_all_shown() -> None:
    """There is nothing more to count."""
    assert bounded(["a"] * MAX_PROBLEMS) == ["a"] * MAX_PROBLEMS


def test_planning_has_a_deadline() -> None:
    """What is not checked in time is a problem, and what was checked runs."""
    with pytest.raises(SettingsError, match=r"^2,000 targets were not read in the time that a run has for settings$"):
        plan_run({}, environment(targets=_entries(2000)), deadline=time.monotonic() - 60)


@pytest.mark.parametrize("bits", [1024, 2040])
def test_short_key_is_refused(bits: int) -> None:
    """NIST no longer allows signatures with it."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    signed = {"auth_mode": "custom-signed", "authorizer_token_key_name": "t", "authorizer_token_value": "v"}
    (problem,) = problems_of(**signed, authorizer_signing_key=pem(key))
    assert problem.startswith(
        "CANARY_AUTHORIZER_SIGNING_KEY is '***'; allowed: an RSA key of at least 2048 bits; this has"
    )
