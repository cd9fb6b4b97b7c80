"""The account's AWS IoT endpoint, from iot:DescribeEndpoint."""

import functools

from connect_canary.config.sources.service_call import call_service, client_config


@functools.cache
def describe_endpoint(region: str) -> str:
    """Return the account's `iot:Data-ATS` endpoint, asked for once per cold start and region; raise ValueError."""
    import boto3  # noqa: PLC0415 - 200 ms and 27 MB, only for an empty endpoint

    response = call_service(
        lambda: boto3.client("iot", config=client_config(region)).describe_endpoint(endpointType="iot:Data-ATS")
    )
    return str(response["endpointAddress"])
