"""The largest and smallest values that are allowed, and the next ones, which are not."""

from pathlib import Path

import pytest

from connect_canary.cli.arguments import parse_arguments
from connect_canary.config.plan import Plan
from connect_canary.config.problems import SettingsError, abbreviated_repr, did_you_mean, display_name
from connect_canary.model.redaction import redact
from tests.unit.factories import document, plan_of, problems_of

LONGEST_LABEL = "a" * 63
LONGEST_HOST = ".".join([LONGEST_LABEL] * 3 + ["b" * 61])
MQTT_3_1_1 = {"auth_mode": "custom-unsigned", "mqtt_version": "3.1.1"}


@pytest.mark.parametrize(
    ("settings", "too_much"),
    [
        ({"endpoint": LONGEST_HOST}, {"endpoint": f"{LONGEST_HOST}b"}),
        ({"endpoint": f"{LONGEST_LABEL}.example"}, {"endpoint": f"{LONGEST_LABEL}a.example"}),
        ({"endpoint": "a.example:65535"}, {"endpoint": "a.example:65536"}),
        ({"endpoint": "a.example:1"}, {"endpoint": "a.example:0"}),
        ({"endpoint": "a.example:00443"}, {"endpoint": "a.example:000443"}),
        ({"name": "n" * 128}, {"name": "n" * 129}),
        ({"max_concurrent_connects": "1000"}, {"max_concurrent_connects": "1001"}),
        ({"max_concurrent_connects": "1"}, {"max_concurrent_connects": "0"}),
        ({"timeout_seconds": "300"}, {"timeout_seconds": "300.001"}),
        ({"timeout_seconds": "0.001"}, {"timeout_seconds": "0"}),
        ({"confirm_after_seconds": "300"}, {"confirm_after_seconds": "300.001"}),
        ({"confirm_after_seconds": "0"}, {"confirm_after_seconds": "-0.001"}),
        ({"client_id": "c" * 128}, {"client_id": "c" * 129}),
        ({"client_id_prefix": "p" * 112}, {"client_id_prefix": "p" * 113}),
        (
            {"authorizer_username": "u" * 65535, "auth_mode": "custom-unsigned"},
            {"authorizer_username": "u" * 65536, "auth_mode": "custom-unsigned"},
        ),
        (
            {"authorizer_password": "p" * 65535, "auth_mode": "custom-unsigned"},
            {"authorizer_password": "p" * 65536, "auth_mode": "custom-unsigned"},
        ),
        (
            {"authorizer_username": "u" * 16_000, "authorizer_password": "p" * 236, **MQTT_3_1_1},
            {"authorizer_username": "u" * 16_000, "authorizer_password": "p" * 237, **MQTT_3_1_1},
        ),
        ({"targets": document({"name": "n" * 64})}, {"targets": document({"name": "n" * 65})}),
    ],
    ids=lambda settings: ",".join(f"{key}={value[:12]}" for key, value in settings.items()),
)
def test_setting_at_its_limit(settings: dict[str, str], too_much: dict[str, str]) -> None:
    """The last value is used, and the next one is a problem."""
    assert problems_of(**settings) == ()
    assert len(problems_of(**too_much)) == 1


def test_limits_of_what_a_plan_holds() -> None:
    """The numbers that were set are the ones that are used."""
    plan: Plan = plan_of(endpoint="a.example:65535", max_concurrent_connects="999", timeout_seconds="300")
    (planned,) = plan.planned
    assert (planned.target.endpoint, planned.target.timeout_seconds) == ("a.example:65535", 300)
    assert plan.max_concurrent_connects == 999


@pytest.mark.parametrize(
    ("flags", "too_much"),
    [
        (["--repeat", "1"], ["--repeat", "0"]),
        (["--repeat", "1000000"], ["--repeat", "1000001"]),
        (["--repeat", "0000001"], ["--repeat", "00000001"]),
        (["--repeat", "2", "--interval", "0"], ["--repeat", "2", "--interval", "-0.001"]),
        (["--repeat", "2", "--interval", "86400"], ["--repeat", "2", "--interval", "86400.1"]),
    ],
    ids=" ".join,
)
def test_flag_at_its_limit(flags: list[str], too_much: list[str]) -> None:
    """The last value is used, and the next one is a problem."""
    parsed = parse_arguments(["connect", *flags])
    assert parsed is not None
    assert (parsed.repeat, parsed.interval_s) == (int(flags[1]), float(flags[3]) if len(flags) > 2 else 1.0)
    with pytest.raises(SettingsError) as refused:
        parse_arguments(["connect", *[f"{flag}={value}" for flag, value in zip(*[iter(too_much)] * 2, strict=True)]])
    assert len(refused.value.problems) == 1


def test_longest_file_with_a_secret(tmp_path: Path) -> None:
    """Four million bytes, and not one more."""
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 4_000_000)
    parsed = parse_arguments(["check", "--authorizer_password", f"@{file}"])
    assert parsed is not None
    assert parsed.values["authorizer_password"].reveal() == "s" * 4_000_000
    file.write_bytes(b"s" * 4_000_001)
    with pytest.raises(SettingsError, match=r"which holds too much; allowed: 4000000 bytes"):
        parse_arguments(["check", "--authorizer_password", f"@{file}"])


def test_what_a_user_wrote_is_cut_at_80_characters() -> None:
    """With dots; a name that could be one is shown without quotes as far as that."""
    assert abbreviated_repr("x" * 78) == f"'{'x' * 78}'"
    assert abbreviated_repr("x" * 79) == f"'{'x' * 79}..."
    assert display_name("x" * 80) == "x" * 80
    assert display_name("x" * 81) == f"'{'x' * 79}..."
    assert display_name("no name") == "'no name'"


def test_names_are_suggested_or_listed() -> None:
    """The nearest one whatever its case, however long the wrong one is, else the first thirty."""
    names = [f"{chr(ord('a') + place % 26) * 9}{place:02}" for place in range(31)]
    assert did_you_mean("AAAAAAAA00", names) == "did you mean aaaaaaaaa00?"
    assert did_you_mean("_", names[:30]) == f"allowed: {', '.join(names[:30])}"
    assert did_you_mean("_", names) == f"allowed: {', '.join(names[:30])}, ..."
    assert did_you_mean("CLIENT", ["client"]) == "did you mean client?"
    # Of 80 characters 36 in 40 are just near enough.
    near = "a" * 36 + "b" * 4
    assert did_you_mean("a" * 81, [near]) == f"did you mean {near}?"


def test_wrong_name_is_compared_with_few_of_many() -> None:
    """With all of 200 names; of more with the first 200 that begin as it does."""
    others = [f"zz{number:09}" for number in range(199)]
    assert did_you_mean("-name", [*others, "xname"]) == "did you mean xname?"
    assert did_you_mean("-name", [*others, "zz", "xname"]).startswith("allowed: ")
    assert did_you_mean("xnam", [*others, "zz", "xname"]) == "did you mean xname?"
    alike = [f"x{number:09}" for number in range(199)]
    assert did_you_mean("xnam", [*alike, "xname", *others]) == "did you mean xname?"
    assert did_you_mean("xnam", [*alike, "x", "xname", *others]).startswith("allowed: ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 160, "x" * 160),
        ("x" * 161, f"{'x' * 160}..."),
        ("  a \n b\x00c  ", "a b c"),
        ("the pass and abc", "the *** and abc"),
        ("THE PASS%2F word", "THE *** word"),
        (f"{'x' * 639} tail", f"{'x' * 160}..."),
        (f"x-amz-signature={'s' * 622} t", "x-amz-signature=*** t"),
        (f"x-amz-signature={'s' * 624} t", "x-amz-signature=***"),
        ("x-amz-signature=abc&d", "x-amz-signature=***&d"),
        ('{"token": "abc"}', '{"token": "***"}'),
        ("signature%3Dabc", "signature%3D***"),
    ],
)
def test_text_of_an_endpoint_is_redacted(text: str, shown: str) -> None:
    """One printable line of 160 characters, of the first 640; secrets of four characters or more are masked."""
    assert redact(text, ["abc", "pass", "pass/"]) == shown
