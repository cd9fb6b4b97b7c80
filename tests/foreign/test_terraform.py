"""The Terraform module, planned by Terraform against the local AWS."""

import json
import os
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
