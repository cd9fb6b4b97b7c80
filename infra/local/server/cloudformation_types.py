"""CloudFormation resource types that MiniStack lacks."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from infra.local.server import ministack_patches
from infra.local.server.authorizers import Authorizer, Authorizers
from infra.local.server.mute_rule_api import MuteRules
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
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)
_SECONDS = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def register_all(authorizers: Authorizers, mute_rules: MuteRules) -> None:
    """Register the missing resource types; those that MiniStack has stay."""
    types = ministack_patches.RESOURCE_TYPES.original()
    types.setdefault("AWS::IoT::Authorizer", _authorizer_type(authorizers))
    types.setdefault("AWS::CloudWatch::CompositeAlarm", _composite_alarm_type())
    types.setdefault("AWS::CloudWatch::AlarmMuteRule", _mute_rule_type(mute_rules))
    types.setdefault("AWS::Logs::QueryDefinition", _query_definition_type())


def _name(name: object, stack_name: str, logical_id: str) -> str:
    return str(name) if name else f"{stack_name}-{logical_id}"


def _query_definition_type() -> dict[str, Any]:
    """Return the type of saved queries, of which MiniStack keeps none: they have an id and no effect."""

    def create(_logical_id: str, props: dict[str, Any], _stack_name: str) -> Created:
        missing = [key for key in ("Name", "QueryString") if not props.get(key)]
        if missing:
            raise ValueError(f"A query definition needs {' and '.join(missing)}.")
        return str(uuid.uuid4()), {}

    def update(physical_id: str, _old: dict[str, Any], _new: dict[str, Any], _stack_name: str) -> Created:
        return physical_id, {}

    def delete(_physical_id: str, _props: dict[str, Any]) -> None:
        """Forget nothing."""

    return {"create": create, "update": update, "delete": delete}


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
    unknown = sorted(props.keys() - {"AlarmName", "Tags", *_COMPOSITE_PROPERTIES})
    if unknown:
        raise ValueError(f"The local AWS does not know {', '.join(unknown)} of a composite alarm.")
    request = {key: props[key] for key in _COMPOSITE_PROPERTIES if key in props}
    request |= {key: int(request[key]) for key in _SECONDS if key in request}
    if "ActionsEnabled" in request:
        request["ActionsEnabled"] = str(request["ActionsEnabled"]).lower() == "true"
    cloudwatch("PutCompositeAlarm", {"AlarmName": name, **request})
    account, region = ministack_patches.ACCOUNT_ID.original()(), ministack_patches.REGION.original()()
    return name, {"Arn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"}


def _mute_rule_type(mute_rules: MuteRules) -> dict[str, Any]:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        name = _name(props.get("Name"), stack_name, logical_id)
        arn = mute_rules.put({**props, "Name": name}, time.time())
        return arn, {"Arn": arn}

    def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Created:
        return create(_rule_name(physical_id).removeprefix(f"{stack_name}-"), new, stack_name)

    def delete(physical_id: str, _props: dict[str, Any]) -> None:
        mute_rules.delete(_rule_name(physical_id))

    return {"create": create, "update": update, "delete": delete}


def _rule_name(arn: str) -> str:
    return arn.partition(":alarm-mute-rule:")[2]
