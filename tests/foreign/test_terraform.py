"""The Terraform module, planned by Terraform against the local AWS."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import REGION
from tests.foreign.programs import program
from tests.template.cloudformation import ROOT
from tests.template.packages import Package, host_package

MODULE = ROOT / "deploy" / "terraform"
BUCKET = "terraform-code"
SECONDS = 300
_ROOT_MODULE = """
provider "aws" {
  region                      = "%(region)s"
  access_key                  = "%(key_id)s"
  secret_key                  = "%(secret)s"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    cloudformation = "%(url)s"
    s3             = "%(url)s"
    sts            = "%(url)s"
  }
}

module "canary" {
  source       = "%(module)s"
  template     = "%(template)s"
  code_bucket  = "%(bucket)s"
  architecture = "%(architecture)s"
  parameters   = %(parameters)s
}
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """A running local AWS with a bucket."""
    with LocalAws.start() as running:
        location = {"LocationConstraint": REGION}
        running.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        yield running


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of the built artifact."""
    return host_package(tmp_path_factory.mktemp("package"))


def _terraform(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    command = [program("terraform"), *arguments]
    return subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def _root_module(directory: Path, aws: LocalAws, package: Package, parameters: dict[str, str]) -> Path:
    """Write a root module that uses ours and initialise it; skip where Terraform cannot get its AWS provider."""
    values = {
        "region": REGION,
        "key_id": aws.operator.access_key_id,
        "secret": aws.operator.secret_access_key,
        "url": aws.server.api_url,
        "module": MODULE,
        "template": package.path,
        "bucket": BUCKET,
        "architecture": package.architecture,
        "parameters": json.dumps(parameters),
    }
    (directory / "main.tf").write_text(_ROOT_MODULE % values)
    done = _terraform(directory, "init", "-input=false", "-no-color")
    if done.returncode and "provider" in done.stderr:
        pytest.skip("Terraform cannot get its AWS provider: registry.terraform.io is not reached")
    assert done.returncode == 0, done.stderr
    return directory


def _plan(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the planned values of each resource by its address in the module."""
    done = _terraform(directory, "plan", "-input=false", "-no-color", "-out=plan")
    assert done.returncode == 0, done.stderr
    shown = json.loads(_terraform(directory, "show", "-json", "plan").stdout)
    (module,) = shown["planned_values"]["root_module"]["child_modules"]
    return {each["address"].removeprefix("module.canary."): each["values"] for each in module["resources"]}


def test_module_is_formatted() -> None:
    """`terraform fmt` has nothing to change, so it has parsed every file."""
    done = _terraform(MODULE, "fmt", "-check", "-diff", "-recursive")
    assert (done.returncode, done.stdout) == (0, "")


def _evaluated(directory: Path, package: Package, **variables: str) -> subprocess.CompletedProcess[str]:
    """Apply the module's variables and locals alone, which need no provider, and return how that ended."""
    (locals_block,) = re.findall(r"^locals \{.*?^\}", (MODULE / "main.tf").read_text(), re.MULTILINE | re.DOTALL)
    outputs = "".join(f'output "{name}" {{ value = local.{name} }}\n' for name in ("code", "body"))
    (directory / "main.tf").write_text(f"{(MODULE / 'variables.tf').read_text()}\n{locals_block}\n{outputs}")
    values = {"template": str(package.path), "code_bucket": BUCKET, "architecture": package.architecture, **variables}
    assert _terraform(directory, "init", "-input=false", "-no-color").returncode == 0
    options = [f"-var={name}={value}" for name, value in values.items()]
    return _terraform(directory, "apply", "-input=false", "-no-color", "-auto-approve", *options)


def test_module_is_evaluated(package: Package, tmp_path: Path) -> None:
    """Without a provider too: the template's parameters get the values as defaults, and each function has its zip."""
    done = _evaluated(tmp_path, package, parameters='{"Name": "prod"}')
    assert done.returncode == 0, done.stderr
    outputs = json.loads(_terraform(tmp_path, "output", "-json").stdout)
    expected = package.template
    expected["Parameters"]["Name"]["Default"] = "prod"
    expected["Parameters"]["Architecture"]["Default"] = package.architecture
    assert json.loads(outputs["body"]["value"]) == expected
    assert {name: package.path.parent / file for name, file in outputs["code"]["value"].items()} == package.code


def test_unknown_architecture_is_refused(package: Package, tmp_path: Path) -> None:
    """It is a sentence with the two that there are."""
    done = _evaluated(tmp_path, package, architecture="sparc")
    assert done.returncode == 1
    assert "The architecture is arm64 or x86_64." in done.stderr


def test_module_is_planned(aws: LocalAws, package: Package, tmp_path: Path) -> None:
    """Code and template are uploaded, and the stack takes them from there."""
    parameters = {"Name": "prod", "EveryMinutes": "5", "Targets": "ssm:/iot-connect-canary/prod/targets"}
    resources = _plan(_root_module(tmp_path, aws, package, parameters))
    uploaded = {name: each for name, each in resources.items() if name.startswith("aws_s3_object.code")}
    assert {Path(each["source"]) for each in uploaded.values()} == set(package.code.values())
    template = json.loads(resources["aws_s3_object.template"]["content"])
    expected = package.template
    for name, value in {**parameters, "Architecture": package.architecture}.items():
        expected["Parameters"][name]["Default"] = value
    assert template == expected
    stack = resources["aws_cloudformation_stack.canary"]
    assert stack["parameters"] == {
        "CodeS3Bucket": BUCKET,
        **{name: uploaded[f'aws_s3_object.code["{name}"]']["key"] for name in package.code},
    }
    assert stack["template_url"].endswith("/" + resources["aws_s3_object.template"]["key"])


def test_unknown_parameter_is_refused(aws: LocalAws, package: Package, tmp_path: Path) -> None:
    """A misspelt parameter is a sentence, and not passed over."""
    directory = _root_module(tmp_path, aws, package, {"EveryMinute": "5"})
    done = _terraform(directory, "plan", "-input=false", "-no-color")
    assert done.returncode == 1
    assert "The template has no such parameter: EveryMinute" in done.stderr
