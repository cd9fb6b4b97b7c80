"""AWS SAM's own commands in front of the local AWS, as its operator."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE, REPOSITORY
from infra.local.demo import operator_env

STACK = "deployed-by-sam"
DRY_RUN = '{"dry_run": true}'


def sam(aws: LocalAws, *arguments: str) -> str:
    """Run a command of SAM with the operator's variables and return what it printed; fail if it fails."""
    variables = {**operator_env.variables(aws), "SAM_CLI_TELEMETRY": "0", "HOME": str(aws.server.state)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [REPOSITORY / ".venv-sam" / "bin" / "sam", *arguments],
        cwd=aws.server.state,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def own_aws() -> Iterator[LocalAws]:
    """A local AWS for these tests alone: SAM leaves a bucket behind."""
    with LocalAws.start() as running:
        yield running


def test_stack_of_sam(own_aws: LocalAws) -> None:
    """The canary is deployed through SAM's bucket, which refuses requests without TLS; it runs, and is deleted."""
    deploy = ("deploy", "--template-file", str(BUILT_TEMPLATE), "--stack-name", STACK, "--resolve-s3")
    parameters = ("--parameter-overrides", f"Name={STACK}", "ScheduleState=DISABLED")
    printed = sam(own_aws, *deploy, "--capabilities", "CAPABILITY_IAM", *parameters)
    assert f"Successfully created/updated stack - {STACK} in eu-west-1" in printed
    named = ("--stack-name", STACK)
    assert f'"canary": "{STACK}"' in sam(own_aws, "remote", "invoke", "CanaryFunction", *named, "--event", DRY_RUN)
    assert "REPORT RequestId" in sam(own_aws, "logs", *named, "--name", "CanaryFunction")
    assert "Deleted successfully" in sam(own_aws, "delete", *named, "--no-prompts")
