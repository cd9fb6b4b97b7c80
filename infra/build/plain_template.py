"""Make the template plain: CloudFormation without a transform, and with the functions' code as parameters.

It is what Terraform, CDK and `aws cloudformation` can deploy without AWS SAM. Its Metadata says which files the
parameters of the code are for, by architecture.
"""

import os
from collections.abc import Mapping
from typing import Any

BUCKET = "CodeS3Bucket"
METADATA = "IoTConnectCanary"
_SERVERLESS_FUNCTION = "AWS::Serverless::Function"
# The transform needs a region to choose a partition for ARNs; the template has none in its ARNs, and a test holds that.
_ANY_REGION = "us-east-1"
_INTERFACE = "AWS::CloudFormation::Interface"

Template = dict[str, Any]
# The file name of a function's code by architecture.
CodeFiles = Mapping[str, str]


class _NoManagedPolicies:
    """Stands in for IAM's managed policies: the template names none."""

    def load(self) -> dict[str, str]:
        return {}


def functions(template: Template) -> list[str]:
    """Return the logical ids of the functions whose code is built."""
    return [name for name, made in template["Resources"].items() if made["Type"] == _SERVERLESS_FUNCTION]


def key_parameter(function: str) -> str:
    """Return the name of the parameter that holds the S3 key of a function's code."""
    return f"{function.removesuffix('Function')}CodeS3Key"


def plain_template(template: Template, version: str, code: Mapping[str, CodeFiles]) -> Template:
    """Return the template after the transform, for code of this version in these files by function."""
    names = functions(template)
    for name in names:
        template["Resources"][name]["Properties"]["CodeUri"] = f"s3://{BUCKET}/{key_parameter(name)}"
    plain = _transform(template)
    for name in names:
        function = plain["Resources"][name]
        function.pop("Metadata", None)  # how SAM builds it
        function["Properties"]["Code"] = {"S3Bucket": {"Ref": BUCKET}, "S3Key": {"Ref": key_parameter(name)}}
    files = {key_parameter(name): dict(code[name]) for name in names}
    plain["Metadata"][METADATA] = {"Version": version, "Code": files}
    return _with_code_parameters(plain, files)


def _transform(template: Template) -> Template:
    # Imported late: it takes a second, and only this needs the environment of AWS SAM.
    from samtranslator.translator.transform import transform  # noqa: PLC0415

    os.environ.setdefault("AWS_DEFAULT_REGION", _ANY_REGION)
    return dict(transform(template, {}, _NoManagedPolicies()))


def _with_code_parameters(plain: Template, files: Mapping[str, CodeFiles]) -> Template:
    bucket = {
        "Type": "String",
        "MinLength": 3,
        "Description": "S3 bucket, in the stack's region, that the functions' code was uploaded to.",
    }
    keys = {
        parameter: {
            "Type": "String",
            "MinLength": 1,
            "Description": f"S3 key of the uploaded {' or '.join(sorted(set(by_architecture.values())))}.",
        }
        for parameter, by_architecture in files.items()
    }
    plain["Parameters"] = {BUCKET: bucket, **keys, **plain["Parameters"]}
    group = {"Label": {"default": "Where its code is"}, "Parameters": [BUCKET, *keys]}
    plain["Metadata"][_INTERFACE]["ParameterGroups"].insert(0, group)
    return plain
