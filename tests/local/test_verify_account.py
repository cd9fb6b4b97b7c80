"""`make verify-account` against the local AWS: every step passes, and nothing is left, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.local.client.local_aws import LocalAws, create_user
from infra.local.client.process import ACCOUNT_ID, REGION, REPOSITORY
from infra.verify_account.steps import STEPS
from tests.local.deployed import SPEED

DEADLINE_S = 240
NAME = "verify-tests"
COMMAND = [sys.executable, "-m", "infra.verify_account", "--account", ACCOUNT_ID, "--name", NAME]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def verified_aws() -> Iterator[LocalAws]:
    """A local AWS that nobody else uses, so that everything in it is of the check."""
    with LocalAws.start(speed=SPEED) as running:
        yield running


@pytest.fixture
def environ(verified_aws: LocalAws) -> dict[str, str]:
    """The variables of somebody with an account: endpoint, region and keys."""
    key = verified_aws.operator
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": verified_aws.server.api_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _run(environ: dict[str, str], *arguments: str) -> Done:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def _left(aws: LocalAws) -> set[str]:
    """Return the names of whatever of the check is in the account."""
    stacks = aws.client("cloudformation").list_stacks()["StackSummaries"]
    names = {each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"}
    names |= {each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]}
    names |= {each["UserName"] for each in aws.client("iam").list_users()["Users"]}
    names |= {each["RoleName"] for each in aws.client("iam").list_roles()["Roles"]}
    names |= {each["Name"] for each in aws.client("secretsmanager").list_secrets()["SecretList"]}
    names |= {each["Name"] for each in aws.client("ssm").describe_parameters()["Parameters"]}
    names |= set(aws.client("sqs").list_queues().get("QueueUrls", []))
    names |= {each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]}
    names |= {each["logGroupName"] for each in aws.client("logs").describe_log_groups()["logGroups"]}
    names |= {each["authorizerName"] for each in aws.client("iot").list_authorizers()["authorizers"]}
    return {name for name in names if NAME in name}


def test_every_step_passes(verified_aws: LocalAws, environ: dict[str, str]) -> None:
    """Deployed, connected in four modes, broken, paged, mended, deleted."""
    done = _run(environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [line.removeprefix("ok").strip() for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert [line.partition(" (")[0] for line in lines] == [step.name for step in STEPS]
    seen = {line.partition(" (")[0]: line for line in lines}
    assert all(f"{mode} " in seen["connect in four modes"] for mode in ("role", "static", "unsigned", "signed"))
    assert "role NotAuthorized" in seen["break the role"]
    assert "TargetsFailing" in seen["be paged"] or "role" in seen["be paged"]
    assert done.stdout.splitlines()[-1] == "Everything is deleted."
    assert _left(verified_aws) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_check_cleans_up(verified_aws: LocalAws, environ: dict[str, str], number: signal.Signals) -> None:
    """Ctrl-C, also twice, in the middle: what was made is deleted, and the exit code says that it was stopped."""
    with subprocess.Popen(COMMAND, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ok      deploy the canary"):
                assert _left(verified_aws) != set()
                process.send_signal(number)
                process.send_signal(number)
                break
        rest = process.stdout.read()
    assert process.returncode == 128 + number, rest
    assert rest.splitlines()[-1] == "Everything is deleted."
    assert _left(verified_aws) == set()


def test_check_that_nobody_reads_cleans_up(verified_aws: LocalAws, environ: dict[str, str]) -> None:
    """`make verify-account | head -n 3` leaves nothing either."""
    with subprocess.Popen(COMMAND, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("ok      deploy the sample authorizer") for line in process.stdout)
        process.stdout.close()
    assert process.returncode == 128 + signal.SIGPIPE
    assert _left(verified_aws) == set()


def test_failed_step_cleans_up(verified_aws: LocalAws, environ: dict[str, str]) -> None:
    """A step that fails is named with its reason; the exit code is 1 and nothing is left."""
    done = _run(environ, "--template", "no-such-template.yaml")
    assert done.returncode == 1
    assert "FAILED  deploy the canary: There is no template at no-such-template.yaml." in done.stdout
    assert done.stdout.splitlines()[-1] == "Everything is deleted."
    assert _left(verified_aws) == set()


def test_clean_up_of_a_killed_check(verified_aws: LocalAws, environ: dict[str, str]) -> None:
    """A check that was killed leaves things; the next refuses, a clean-up deletes them, and another finds nothing."""
    with subprocess.Popen(COMMAND, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("ok      deploy the sample authorizer") for line in process.stdout)
        process.kill()
    assert _left(verified_aws) != set()
    again = _run(environ)
    assert again.returncode == 1
    assert f"Stack {NAME}-authorizer is there already" in again.stdout
    assert _left(verified_aws) != set()
    for _ in range(2):
        done = _run(environ, "--cleanup-only")
        assert (done.returncode, done.stdout) == (0, "Cleaning up ...\nEverything is deleted.\n")
        assert _left(verified_aws) == set()


def test_credentials_of_another_account(environ: dict[str, str]) -> None:
    """Nothing is made where the credentials are of another account than the one that was named."""
    done = _run(environ, "--account", "999999999999")
    assert (done.returncode, done.stdout) == (
        2,
        f"These credentials are of account {ACCOUNT_ID}, not of 999999999999.\n",
    )


def test_permission_that_is_missing(verified_aws: LocalAws, environ: dict[str, str]) -> None:
    """Credentials that may do nothing: the first step says which permission is missing."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Get*", "Resource": "*"}]}
    key = create_user(verified_aws.client("iam"), "nobody", policy)
    keys = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
    done = _run({**environ, **keys})
    assert done.returncode == 1
    assert "s3:CreateBucket" in done.stdout or "sts:GetCallerIdentity" in done.stdout, done.stdout
