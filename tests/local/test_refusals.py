"""Invalid parameters, which CloudFormation rejects before it creates any resource."""

import pytest

from infra.local.client.local_aws import LocalAws
from infra.local.client.process import BUILT_TEMPLATE, LocalAwsError


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"AuthMode": "sigv4-static"}, "AuthMode sigv4-static needs AccessKeyId."),
        ({"AuthMode": "custom-signed"}, "AuthMode custom-signed needs AuthorizerTokenKeyName."),
        ({"EveryMinutes": "7"}, "EveryMinutes"),
        ({"SubnetIds": "subnet-01234567"}, "SubnetIds and SecurityGroupIds belong together."),
        ({"Endpoint": "https://host.example"}, "An endpoint is host or host:port without a scheme or a path"),
        ({"ClientIdPrefix": "ssm:/prefix"}, "is no reference, because permissions are made from it."),
        ({"AuthMode": "sigv5"}, "sigv4"),
    ],
)
def test_stack_refused(aws: LocalAws, parameters: dict[str, str], sentence: str) -> None:
    """The error of the deployment has the message of the template."""
    with pytest.raises(LocalAwsError) as refused:
        aws.deploy(BUILT_TEMPLATE, name="refused", parameters=parameters)
    assert sentence in str(refused.value)
