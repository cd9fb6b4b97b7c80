"""A CDK construct for the connect canary: its plain template and its code, and no more.

IoTConnectCanary(stack, "Canary", template="dist/iot-connect-canary-0.1.0.template.json", parameters={"Name": "prod"})
"""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk.aws_s3_assets import Asset
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

_BUCKET = "CodeS3Bucket"


class IoTConnectCanary(Construct):
    """One canary in a stack, with the logical ids of its template.

    Resources are found with `canary.template.get_resource("PageTopic")`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        template: str | Path,
        architecture: str = "arm64",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Include the template; the zips stand beside it. `parameters` become the defaults of its parameters."""
        super().__init__(scope, construct_id)
        path = Path(template)
        code = json.loads(path.read_text())["Metadata"]["IoTConnectCanary"]["Code"]
        location = {}
        for parameter, files in code.items():
            asset = Asset(self, parameter, path=str(path.parent / files[architecture]))
            location |= {_BUCKET: asset.s3_bucket_name, parameter: asset.s3_object_key}
        self.template = CfnInclude(self, "Template", template_file=str(path), parameters=location)
        for name, value in {**(parameters or {}), "Architecture": architecture}.items():
            self.template.get_parameter(name).default = value
