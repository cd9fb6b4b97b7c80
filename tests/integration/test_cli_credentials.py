"""The command line with AWS profiles: whose key signs the request, what people read, and what is wrong."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.faulty.process import ROOT, FaultyServer
from tests.unit.aws_configuration import FAIL, MARK, AwsHome, aws_home

DEADLINE_S = 60
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT", "AWS_SECRET_ACCESS_KEY": f"environment{MARK}"}
REGION = {"AWS_REGION": "eu-west-1"}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    """An endpoint that is healthy."""
    with FaultyServer("healthy") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AwsHome]:
    """A home directory with profiles, and a session of SSO."""
    with aws_home(tmp_path / "home") as made:
        made.let_process_print("AKIDPROCESS")
        made.sign_in()
        yield made


def _run(home: AwsHome, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line, and search all that it prints for secrets."""
    around = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT / "function"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "connect_canary", *arguments],
        env={**around, **home.environ(), **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        check=False,
    )
    assert MARK not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def _at(server: FaultyServer) -> list[str]:
    return [f"localhost:{server.port('healthy')}", "--ca-file", server.ca_file]


def _signed_by(server: FaultyServer) -> tuple[str, str, bool]:
    """Return key id and region of the last request's signature, and whether it had a session token."""
    query = parse_qs(urlsplit(server.seen("healthy")["requests"][-1]["target"]).query)
    key_id, _, region, *_ = query["X-Amz-Credential"][0].split("/")
    return key_id, region, query.get("X-Amz-Security-Token") == [f"token{MARK}"]


@pytest.mark.parametrize(
    ("profile", "environ", "expected"),
    [
        ("dev", {}, ("AKIDSSO", "eu-central-1", True, "sso")),
        ("dev", {**REGION, **KEYS, "AWS_SECURITY_TOKEN": "x"}, ("AKIDSSO", "eu-west-1", True, "sso")),
        ("process", REGION, ("AKIDPROCESS", "eu-west-1", True, "credential_process")),
        ("static", REGION, ("AKIDSTATIC", "eu-west-1", False, "credentials file")),
    ],
)
def test_profile_signs_the_request(
    server: FaultyServer, home: AwsHome, profile: str, environ: dict[str, str], expected: tuple[str, str, bool, str]
) -> None:
    """It goes over the environment's key; its region counts where nothing else names one."""
    done = _run(home, *_at(server), "--profile", profile, **environ)
    *signed_by, source = expected
    assert (done.returncode, done.stderr) == (0, "")
    assert list(_signed_by(server)) == signed_by
    assert done.stdout.splitlines()[0] == f"credentials: profile {profile} ({source})"


def test_session_of_the_profile_in_the_environment(server: FaultyServer, home: AwsHome) -> None:
    """The SDK's own chain would not find it."""
    done = _run(home, *_at(server), AWS_PROFILE="dev", **REGION)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "credentials: profile dev (sso)")
    assert home.bearers == [f"bearer{MARK}"]
    assert _signed_by(server)[0] == "AKIDSSO"


def test_region_of_this_run(server: FaultyServer, home: AwsHome) -> None:
    """It goes over the variables and the profile."""
    done = _run(home, *_at(server), "--profile", "dev", "--region", "us-east-1", AWS_REGION="eu-west-1")
    assert done.returncode == 0
    assert _signed_by(server)[1] == "us-east-1"


@pytest.mark.parametrize(
    ("host", "region"),
    [("abc-ats.iot.us-east-1.amazonaws.com", "us-east-1"), ("h.example.com", "eu-central-1")],
)
def test_region_of_the_profile(home: AwsHome, host: str, region: str) -> None:
    """It counts for a custom domain; the name of an endpoint of AWS IoT Core has its own."""
    done = _run(home, "check", host, "--profile", "dev", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["targets"][0]["signing_region"] == region


def test_key_of_the_environment(server: FaultyServer, home: AwsHome) -> None:
    """It goes over AWS_PROFILE, as with the AWS command line, and is named with -v only."""
    for arguments, first in (([], "default"), (["-v"], "credentials: environment")):
        done = _run(home, *_at(server), *arguments, AWS_PROFILE="dev", **REGION, **KEYS)
        assert (done.returncode, done.stdout.startswith(first)) == (0, True)
    assert (_signed_by(server)[0], home.bearers) == ("AKIDENVIRONMENT", [])


def test_json_is_the_return_value_only(server: FaultyServer, home: AwsHome) -> None:
    """Where the credentials are from is for people."""
    done = _run(home, *_at(server), "--profile", "dev", "--json", "-v")
    assert (done.returncode, done.stderr, "sso" in done.stdout) == (0, "", False)
    assert json.loads(done.stdout)["healthy"] is True


def test_short_session_is_renewed_for_each_run(server: FaultyServer, home: AwsHome) -> None:
    """What is about to end is fetched again."""
    home.expires_in_s = 660
    done = _run(home, *_at(server), "--profile", "dev", "--repeat", "3", "--interval", "0")
    assert done.returncode == 0
    assert len(home.bearers) >= 3


def test_session_that_ends_between_runs(server: FaultyServer, home: AwsHome) -> None:
    """The runs before it are summed up, and nothing is tried with other credentials."""
    # Asked for when it is found, handed over, and before each of two runs.
    expires = f"{datetime.now(UTC) + timedelta(minutes=5):%FT%TZ}"
    home.let_process_print("AKID1", "AKID2", "AKID3", FAIL, expires=expires)
    done = _run(home, *_at(server), "--profile", "process", "--repeat", "3", "--interval", "0", **REGION)
    assert (done.returncode, "1 run in " in done.stdout) == (2, True)
    assert done.stderr == (
        "connect-canary: profile process (credential_process) gives no credentials: Error when retrieving credentials "
        "from custom-process: the session has ended\n"
    )


@pytest.mark.parametrize("environ", [{}, {"AWS_PROFILE": "dev", **REGION}], ids=["flag", "variable"])
def test_expired_session(server: FaultyServer, home: AwsHome, environ: dict[str, str]) -> None:
    """The words of botocore, and the command that starts a new one; nothing is tried with other credentials."""
    home.sign_in(expires="2000-01-01T00:00:00Z")
    before = server.seen("healthy")["connections"]
    done = _run(home, *_at(server), *([] if environ else ["--profile", "dev"]), **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "connect-canary: profile dev (sso) gives no credentials: Error when retrieving token from sso: Token has "
        "expired and refresh failed; aws sso login --profile dev starts a session\n"
    )
    assert server.seen("healthy")["connections"] == before


def test_expired_session_leaves_the_other_targets_their_run(server: FaultyServer, home: AwsHome) -> None:
    """Those that need no AWS credentials."""
    home.sign_in(expires="2000-01-01T00:00:00Z")
    modes = [{"name": "signing"}, {"name": "custom", "auth_mode": "custom-unsigned"}]
    document = json.dumps({"targets": modes})
    done = _run(home, "connect", *_at(server), "--targets", document, "--json", AWS_PROFILE="dev", **REGION)
    assert done.returncode == 2
    assert [target["target"] for target in json.loads(done.stdout)["targets"]] == ["custom"]
    assert done.stderr.startswith("connect-canary: profile dev (sso) gives no credentials: ")


@pytest.mark.parametrize("command", ["connect", "check"])
@pytest.mark.parametrize("profile", ["nope", "mumbling", "missing", "empty"])
def test_profile_that_cannot_be_used(home: AwsHome, command: str, profile: str) -> None:
    """A wrong question, told in one sentence, whatever the auth mode."""
    done = _run(home, command, "localhost:1", "--auth_mode", "custom-unsigned", "--profile", profile)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert profile in done.stderr


def test_no_credentials_at_all(server: FaultyServer, home: AwsHome) -> None:
    """It is what the attempt finds."""
    done = _run(home, *_at(server), "--json", **REGION)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["targets"][0]["failure"] == "CredentialsUnavailable"


def test_verbose_run_behind_a_proxy_shows_no_password(home: AwsHome) -> None:
    """The proxy is named without it."""
    proxy = {"HTTPS_PROXY": f"http://user:{MARK}@127.0.0.1:1"}
    done = _run(home, "h.example.com", "-v", "--auth_mode", "custom-unsigned", **proxy)
    assert done.returncode == 1
    assert re.search(r"^proxy +127.0.0.1:1$", done.stdout, re.MULTILINE)


def test_verbose_run_shows_all_evidence(server: FaultyServer, home: AwsHome) -> None:
    """Of a healthy target too, in 80 columns."""
    done = _run(home, *_at(server), "--profile", "dev", "--verbose")
    assert done.returncode == 0
    labels = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert {"certificate", "addresses", "network", "http status", "elapsed"} <= set(labels)
    assert max(map(len, done.stdout.splitlines())) <= 80
