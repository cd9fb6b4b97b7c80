"""How to deploy a canary beside its shards, in words: the parameters of its stack, as the targets need them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connect_canary.config.endpoint_rules import DEFAULT_PORT, endpoint_problem
from connect_canary.config.sources.schemes import is_reference

# All variables of a Lambda function together hold 4 KB (developer guide, quotas).
_MAX_CHARACTERS = 3000


def allowed_endpoints(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the hosts that the targets name, in order, with a port where it is not 443 and the host is not listed."""
    endpoints = [each for each in _endpoints(targets).values() if not is_reference(each)]
    parts = [each.lower().partition(":")[::2] for each in endpoints if not endpoint_problem(each)]
    hosts = {host for host, port in parts if port in {"", str(DEFAULT_PORT)}}
    return list(dict.fromkeys(host if host in hosts else f"{host}:{port}" for host, port in parts))


def referenced_endpoints(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the endpoints that are references, by target."""
    return {name: endpoint for name, endpoint in _endpoints(targets).items() if is_reference(endpoint)}


def _endpoints(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(each["name"]): each["endpoint"].strip() for each in targets if isinstance(each.get("endpoint"), str)}


def instructions(canary: str, targets: Sequence[Mapping[str, Any]], *, every: int, first: str) -> Iterator[str]:
    """Yield the lines that say how to deploy; `first` is the reference to the first shard."""
    hosts, references = ",".join(allowed_endpoints(targets)), referenced_endpoints(targets)
    parameters = [f"Name={canary}", "ScheduleState=DISABLED", f"EveryMinutes={every}", f"Targets={first}"]
    parameters += [f"AllowedEndpoints={hosts}"] if hosts else []
    yield "Deploy the canary:"
    yield f'  make deploy PARAMETERS="{" ".join(parameters)}"'
    if hosts:
        yield "AllowedEndpoints has every host of the document; a shard may name no others but the canary's own."
    if len(hosts) > _MAX_CHARACTERS:
        yield f"That is {len(hosts)} characters, and all settings hold 4,096: name a domain, as in *.example.com."
    if references:
        named = ", ".join(f"{target} ({reference})" for target, reference in references.items())
        yield f"Add the hosts that these targets' endpoints refer to: {named}."
    yield "Then deploy this template with the canary's outputs FunctionName and AlarmTopicArn:"
    yield "  aws cloudformation deploy --stack-name iot-connect-canary-shards --template-file shards.json \\"
    yield "      --capabilities CAPABILITY_IAM --parameter-overrides FunctionName=... AlarmTopicArn=..."
