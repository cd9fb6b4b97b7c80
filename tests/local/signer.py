"""IAM users of the local AWS, and upgrades signed by the AWS SDK's signer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest

from infra.local.client.local_aws import AccessKey, LocalAws, create_user
from infra.local.client.process import ACCOUNT_ID, REGION

SERVICE = "iotdevicegateway"
PREFIX = f"arn:aws:iot:{REGION}:{ACCOUNT_ID}:client/test-*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Parameters of a SigV4 signature of an upgrade."""

    key: AccessKey
    region: str = REGION
    service: str = SERVICE
    age: timedelta = timedelta()

    def query(self, host: str) -> str:
        """Return the query string of a presigned upgrade."""
        signed = aws_sign_request(self._request(host), self._config(AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS))
        return str(signed.result(10).path).partition("?")[2]

    def headers(self, host: str) -> dict[str, str]:
        """Return the headers of a signed upgrade."""
        signed = aws_sign_request(self._request(host), self._config(AwsSignatureType.HTTP_REQUEST_HEADERS))
        return {name: value for name, value in signed.result(10).headers if name.lower() != "host"}

    @staticmethod
    def _request(host: str) -> HttpRequest:
        return HttpRequest("GET", "/mqtt", HttpHeaders([("host", host)]))

    def _config(self, signature_type: AwsSignatureType) -> AwsSigningConfig:
        keys = self.key
        return AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=signature_type,
            credentials_provider=AwsCredentialsProvider.new_static(keys.access_key_id, keys.secret_access_key),
            region=self.region,
            service=self.service,
            date=datetime.now(UTC) - self.age,
        )


def user(aws: LocalAws, name: str, *statements: tuple[str, str, str]) -> Signer:
    """Create an IAM user whose policy has these statements (effect, action, resource)."""
    documents = [{"Effect": effect, "Action": action, "Resource": resource} for effect, action, resource in statements]
    policy = {"Version": "2012-10-17", "Statement": documents}
    return Signer(key=create_user(aws.client("iam"), name, policy))
