"""Powertools' provider of parameters, which also remembers their types. Importing it loads boto3."""

from typing import Any

from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.config import Config


class TypedSSMProvider(SSMProvider):
    """`SSMProvider` with the type of each parameter that was got by its name: String, StringList or SecureString."""

    def __init__(self, boto_config: Config) -> None:
        """Call SSM as `boto_config` says."""
        super().__init__(boto_config=boto_config)
        self.types: dict[str, str] = {}

    def _get(
        self,
        name: str,
        decrypt: bool = False,  # noqa: FBT001, FBT002 - as in the base class
        **sdk_options: Any,  # noqa: ANN401 - as in the base class
    ) -> str:
        parameter = self.client.get_parameter(**{**sdk_options, "Name": name, "WithDecryption": decrypt})["Parameter"]
        self.types[name] = parameter["Type"]
        return str(parameter["Value"])
