"""The server process: MiniStack behind the device gateway, on loopback, until its parent ends.

It runs in MiniStack's virtual environment, reads its settings from the environment variables that
`infra.local.client.process` sets, prints one JSON line with its ports when it is ready, and stops when its standard
input closes.
"""

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.local.server import (
    certificates,
    cloudformation_types,
    describe_endpoint,
    function_credentials,
    lambda_metrics,
    ministack_patches,
    schedule_speed,
)
from infra.local.server.action_suppression import Suppressions
from infra.local.server.alarm_actions import AlarmActions
from infra.local.server.alarm_evaluator import AlarmEvaluator
from infra.local.server.alarm_history import install_history
from infra.local.server.alarm_memory import AlarmMemory
from infra.local.server.alarm_settings import install_settings
from infra.local.server.asgi import App
from infra.local.server.authorizers import Authorizers, install_authorizers_api
from infra.local.server.cloudwatch_api import install_cloudwatch_api
from infra.local.server.device_gateway import DeviceGateway
from infra.local.server.log_patterns import install_log_patterns
from infra.local.server.mute_rule_api import MuteRules
from infra.local.server.request_authentication import RequestAuthentication, install_secure_transport
from infra.local.server.request_rules import RequestRules
from infra.local.server.request_signature import RequestSignatures
from infra.local.server.running_executions import RunningExecutions
from infra.local.server.sns_delivery import install_deliveries

_LOOPBACK = "127.0.0.1"
_GRACE_SECONDS = 1.0
# Nobody else reads what the server and its functions write.
_PRIVATE = 0o077


def _listen() -> socket.socket:
    listener = socket.create_server((_LOOPBACK, 0), backlog=128)
    listener.settimeout(0)
    return listener


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


async def _exit_with_parent(stop: asyncio.Event) -> None:
    """Set `stop` at the end of standard input, which the parent closes or leaves behind when it is killed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()


def _ignore_hang_ups(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log every error of the event loop except those of connections that clients close or reset."""
    error = context.get("exception")
    errors = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    if not all(isinstance(each, ssl.SSLError | ConnectionError) for each in errors):
        loop.default_exception_handler(context)


def _hypercorn_config(
    api: socket.socket, iot: socket.socket, identity: certificates.Identity
) -> ministack_patches.Foreign:
    from hypercorn.config import Config  # noqa: PLC0415 - only in MiniStack's environment

    config = Config()
    config.bind = [f"fd://{iot.fileno()}"]
    config.insecure_bind = [f"fd://{api.fileno()}"]
    config.certfile, config.keyfile = str(identity.certificate), str(identity.key)
    config.alpn_protocols = ["http/1.1"]
    config.loglevel = "WARNING"
    config.graceful_timeout = config.shutdown_timeout = _GRACE_SECONDS
    return config


def _keep_contexts(config: ministack_patches.Foreign) -> list[ssl.SSLContext]:
    """Return the list that gets each TLS context that hypercorn makes, so that its certificate can be renewed."""
    contexts: list[ssl.SSLContext] = []
    create = config.create_ssl_context

    def create_and_keep() -> ssl.SSLContext:
        contexts.append(create())
        return contexts[-1]

    config.create_ssl_context = create_and_keep
    return contexts


async def _serve(
    app: App,
    config: ministack_patches.Foreign,
    ready: dict[str, object],
    *jobs: Coroutine[None, None, None],
) -> None:
    from hypercorn.asyncio import serve  # noqa: PLC0415 - only in MiniStack's environment

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_ignore_hang_ups)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    background = [
        asyncio.create_task(_exit_with_parent(stop)),
        *(asyncio.create_task(job) for job in jobs),
    ]
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    try:
        await serve(app, config, shutdown_trigger=stop.wait)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)


def main() -> int:
    """Serve until stopped and return the exit code: 1 with a message when MiniStack is not the expected release."""
    os.umask(_PRIVATE)
    state, parent = Path(os.environ["STATE_DIR"]), int(os.environ.pop("LOCAL_AWS_PARENT"))
    try:
        return _start(state, speed=float(os.environ.pop("LOCAL_AWS_SPEED")))
    except BrokenPipeError:
        return 1
    finally:
        if os.getppid() != parent:
            # The parent was killed and cannot clean up.
            shutil.rmtree(state, ignore_errors=True)


def _start(state: Path, *, speed: float) -> int:
    api, iot = _listen(), _listen()
    root_secret = os.environ["AWS_SECRET_ACCESS_KEY"] = secrets.token_hex(20)
    # MiniStack reads both at import.
    os.environ["GATEWAY_PORT"] = str(_port(api))
    os.environ["SSL_CERT_FILE"] = str(state / "authority.pem")
    try:
        ministack_patches.require_all()
    except ministack_patches.PatchMissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    logging.getLogger().setLevel(logging.WARNING)
    identity = certificates.create(state)
    app, evaluator = _build_app(RequestRules(api_port=_port(api), iot_port=_port(iot)), speed)
    ready = {
        "api_port": _port(api),
        "iot_port": _port(iot),
        "authority": str(identity.authority),
        "root_secret": root_secret,
    }
    config = _hypercorn_config(api, iot, identity)
    renewal = identity.renew_on_request(_keep_contexts(config))
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(app, config, ready, evaluator.run(), renewal))
    ministack_patches.WORKERS_RESET.original()()
    return 0


def _build_app(rules: RequestRules, speed: float) -> tuple[App, AlarmEvaluator]:
    """Apply every patch to MiniStack and return the ASGI application and the evaluator of alarms."""
    account_id, region = os.environ["MINISTACK_ACCOUNT_ID"], os.environ["MINISTACK_REGION"]
    authorizers, mute_rules = Authorizers(), MuteRules(speed=speed)
    describe_endpoint.override_describe_endpoint(f"localhost:{rules.iot_port}")
    install_authorizers_api(authorizers)
    cloudformation_types.register_all(authorizers, mute_rules)
    function_credentials.install_function_credentials()
    install_secure_transport()
    running = RunningExecutions()
    lambda_metrics.install_execution_metrics(running)
    lambda_metrics.install_asynchronous_schedules(running)
    schedule_speed.start_at_once()
    schedule_speed.set_speed(speed)
    install_deliveries()
    install_log_patterns()
    evaluator = _install_alarms(mute_rules, account_id, region, speed)
    gateway = DeviceGateway(ministack_patches.APP.original(), authorizers, account_id, region)
    signatures = RequestSignatures(account_id=account_id, root_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    return RequestAuthentication(inner=gateway, rules=rules, signatures=signatures), evaluator


def _install_alarms(mute_rules: MuteRules, account_id: str, region: str, speed: float) -> AlarmEvaluator:
    memory, suppressions = AlarmMemory(), Suppressions(speed=speed)
    actions = AlarmActions(memory, mute_rules, suppressions)
    install_history()
    install_settings(memory)
    install_cloudwatch_api(memory, mute_rules, suppressions)
    actions.install()
    return AlarmEvaluator(account_id=account_id, region=region, speed=speed, memory=memory, actions=actions)


if __name__ == "__main__":
    # MiniStack's daemon threads may still run; a normal exit could wait for them.
    code = main()
    sys.stdout.flush()
    os._exit(code)
