"""The plain template and the zips, deployed as Terraform, CDK and the AWS command line do."""

from collections.abc import Iterator

import pytest

from infra.local.client import stacks
from infra.local.client.local_aws import LocalAws
from infra.local.client.stacks import DeployedStack
from tests.template.packages import Package, host_package

BUCKET = "packages"
STACK = "plain-canary"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of the built artifact."""
    return host_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def stack(aws: LocalAws, package: Package) -> Iterator[DeployedStack]:
    """The plain template, deployed with its code from a bucket; deleted afterwards."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for path in (package.path, *package.code.values()):
        s3.upload_file(str(path), BUCKET, path.name)
    parameters = {
        "CodeS3Bucket": BUCKET,
        **{parameter: path.name for parameter, path in package.code.items()},
        "Architecture": package.architecture,
        "ScheduleState": "DISABLED",
    }
    url = f"{aws.server.api_url}/{BUCKET}/{package.path.name}"
    yield stacks.deploy(aws.client("cloudformation"), name=STACK, template_url=url, parameters=parameters)
    aws.delete(STACK)


def test_plain_template_deploys_every_resource(stack: DeployedStack, package: Package) -> None:
    """Each resource whose condition holds is there, the functions among them."""
    unconditional = {name for name, made in package.template["Resources"].items() if "Condition" not in made}
    assert unconditional <= stack.resources.keys()
    assert {"CanaryFunction", "PagerFunction"} <= unconditional


def test_deployed_zip_connects(aws: LocalAws, stack: DeployedStack) -> None:
    """The function runs from the uploaded zip, with the role of the stack, and connects."""
    invocation = aws.invoke(stack.resource("CanaryFunction"), {})
    assert not invocation.failed, invocation.payload
    (target,) = invocation.payload["targets"]
    assert target["healthy"] is True, target
