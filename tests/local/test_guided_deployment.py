"""`sam deploy --guided` with Enter alone, at a terminal."""

import shutil
from pathlib import Path

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE
from infra.local.client.stacks import describe
from tests.local import terminal
from tests.template.cloudformation import ROOT, read

STACK = "guided-canary"
SAM = ROOT / ".venv-sam" / "bin" / "sam"
# Stack, region, three confirmations, saving, file and environment, besides the parameters.
OTHER_QUESTIONS = 12


def _enter(asked: str) -> str | None:
    """Press Enter where the last line is a question."""
    return "\n" if asked.rstrip(" ").endswith("]:") else None


def test_guided_deployment_with_enter_alone(aws: LocalAws, tmp_path: Path) -> None:
    """Every question has an answer that is taken: the canary is deployed, and connects."""
    config = tmp_path / "samconfig.toml"
    shutil.copy(ROOT / "samconfig.toml", config)
    done = terminal.run(
        [SAM, "deploy", "--guided", "--stack-name", STACK, "--template-file", BUILT_TEMPLATE, "--config-file", config],
        _enter,
        environ=terminal.environment(aws),
        max_answers=len(read("template.yaml")["Parameters"]) + OTHER_QUESTIONS,
    )
    assert done.code == 0, done.shown[-3000:]
    for name in read("template.yaml")["Parameters"]:
        assert done.shown.count(f"Parameter {name} [") == 1, name
    stack = describe(aws.client("cloudformation"), STACK)
    assert aws.invoke(stack.outputs["FunctionName"], {}).payload["healthy"]
    aws.delete(STACK)
