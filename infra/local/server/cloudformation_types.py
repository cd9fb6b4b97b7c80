"""CloudFormation resource types that MiniStack lacks."""

from collections.abc import Mapping
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.authorizers import Authorizer, Authorizers
from infra.local.server.service_calls import cloudwatch

Created = tuple[str, dict[str, str]]

_MAX_AUTHORIZER_NAME = 128
_COMPOSITE_PROPERTIES = (
    "AlarmRule",
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
)


def register_all(authorizers: Authorizers) -> None:
    """Register the missing resource types; those that MiniStack has stay."""
    types = ministack_patches.RESOURCE_TYPES.original()
    types.setdefault("AWS::IoT::Authorizer", _authorizer_type(authorizers))
    types.setdefault("AWS::CloudWatch::CompositeAlarm", _composite_alarm_type())


def _name(name: object, stack_name: str, logical_id: str) -> str:
    return str(name) if name else f"{stack_name}-{logical_id}"


def _authorizer_type(authorizers: Authorizers) -> dict[str, Any]:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        name = _name(props.get("AuthorizerName"), stack_name, logical_id)[:_MAX_AUTHORIZER_NAME]
        return _created(authorizers.create(name, _authorizer_request(props)))

    def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack_name: str) -> Created:
        return _created(authorizers.update(physical_id, _authorizer_request(new)))

    def delete(physical_id: str, _props: dict[str, Any]) -> None:
        authorizers.delete(physical_id)

    return {"create": create, "update": update, "delete": delete}


def _created(authorizer: Authorizer) -> Created:
    return authorizer.name, {"Arn": authorizer.arn}


def _authorizer_request(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resource's properties as a CreateAuthorizer request."""
    request: dict[str, Any] = {
        "authorizerFunctionArn": props.get("AuthorizerFunctionArn", ""),
        "status": props.get("Status", "INACTIVE"),
        "signingDisabled": str(props.get("SigningDisabled", False)).lower() == "true",
    }
    if props.get("TokenKeyName"):
        request["tokenKeyName"] = props["TokenKeyName"]
    if props.get("TokenSigningPublicKeys"):
        request["tokenSigningPublicKeys"] = props["TokenSigningPublicKeys"]
    return request


def _composite_alarm_type() -> dict[str, Any]:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        return _put_composite(_name(props.get("AlarmName"), stack_name, logical_id), props)

    def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack_name: str) -> Created:
        return _put_composite(physical_id, new)

    def delete(physical_id: str, _props: dict[str, Any]) -> None:
        cloudwatch("DeleteAlarms", {"AlarmNames": [physical_id]})

    return {"create": create, "update": update, "delete": delete}


def _put_composite(name: str, props: Mapping[str, Any]) -> Created:
    request = {key: props[key] for key in _COMPOSITE_PROPERTIES if key in props}
    if "ActionsEnabled" in request:
        request["ActionsEnabled"] = str(request["ActionsEnabled"]).lower() == "true"
    cloudwatch("PutCompositeAlarm", {"AlarmName": name, **request})
    account, region = ministack_patches.ACCOUNT_ID.original()(), ministack_patches.REGION.original()()
    return name, {"Arn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"}
