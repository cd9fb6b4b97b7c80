"""The caller's AWS credentials and region, as the AWS command line finds them."""

import botocore.exceptions
import botocore.session

HOW = (
    "Pass AWS credentials with AWS_PROFILE, or with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as a function's role "
    "has them in Lambda."
)


def caller_credentials() -> dict[str, str]:
    """Return them as the variables of a function; those that are not found are missing."""
    session = botocore.session.Session()
    try:
        credentials = session.get_credentials()
        region = session.get_config_variable("region")
    except botocore.exceptions.BotoCoreError:
        return {}
    found = {"AWS_REGION": region}
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        found |= {
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            "AWS_SESSION_TOKEN": frozen.token,
        }
    return {name: value for name, value in found.items() if value}
