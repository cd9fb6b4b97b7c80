"""`make verify-account` before it touches an account: what it needs, and whose resources it may delete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.verify_account.account import PERMISSIONS
from infra.verify_account.cleanup import DELETIONS

ROOT = Path(__file__).parents[2]
NOBODY = {
    "PATH": os.environ.get("PATH", os.defpath),
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
ACCOUNT = ("--account", "123456789012")


def _run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.verify_account", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**NOBODY, **environ}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("arguments", "environ", "missing"),
    [
        ((), {}, ["ACCOUNT=", "AWS_REGION", "AWS_PROFILE"]),
        (ACCOUNT, {"AWS_DEFAULT_REGION": "eu-west-1"}, ["AWS_PROFILE"]),
        (ACCOUNT, KEYS, ["AWS_REGION"]),
        ((), {**KEYS, "AWS_DEFAULT_REGION": "eu-west-1"}, ["ACCOUNT="]),
    ],
)
def test_what_is_missing_is_named(arguments: tuple[str, ...], environ: dict[str, str], missing: list[str]) -> None:
    """It skips with exit code 0 and one sentence, which names what is missing and nothing else, and the services."""
    done = _run(*arguments, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("Skipped: this needs ")
    assert [name for name in ("ACCOUNT=", "AWS_REGION", "AWS_PROFILE") if name in sentence] == missing
    assert all(service in sentence for service in PERMISSIONS)


@pytest.mark.parametrize("name", ["iot-connect-canary", "prod", "Verify", "verify_me", "v" * 30 + "verify"])
def test_name_of_a_canary_in_use(name: str) -> None:
    """What it deletes by name has `verify` in it, and fits into the name of a bucket."""
    done = _run(*ACCOUNT, "--name", name, **KEYS, AWS_DEFAULT_REGION="eu-west-1")
    assert done.returncode == 2
    assert "has no `verify` in it" in done.stderr


def test_permissions_stand_in_the_docs() -> None:
    """docs/operations.md names every service that the check needs."""
    text = (ROOT / "docs" / "operations.md").read_text()
    _, _, section = text.partition("### Check it on an account\n")
    named = " ".join(section.partition("\n## ")[0].split())
    assert f"permissions in {', '.join(PERMISSIONS)}." in named


def test_the_canary_is_deleted_first() -> None:
    """Else it would page about what is deleted under it; the bucket with the code goes last."""
    assert next(iter(DELETIONS)) == "canary"
    assert list(DELETIONS)[-1] == "bucket"
