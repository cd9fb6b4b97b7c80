"""The Lambda handler. It only wires; if anything fails, the alarm is passed on as it came."""

import functools
import os
from typing import Any

import boto3
from botocore.config import Config

from pager.channels import send_topic
from pager.compose import compose_raw
from pager.event import is_tick, raw_messages
from pager.service import PagerService, log
from pager.settings import Settings, read_settings
from pager.text import clean

_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})


@functools.cache
def _client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    return boto3.client(service, config=_CONFIG)


def lambda_handler(event: object, _context: object) -> None:
    """Page for each alarm's message in `event`, or do what a tick asks for; raise only if nobody could be told."""
    settings = read_settings(os.environ)
    service = PagerService(settings=settings, client=_client)
    if is_tick(event):
        service.on_tick()
        return
    for raw in raw_messages(event):
        try:
            service.on_message(raw)
        except Exception as error:  # noqa: BLE001 - the alarm must reach people
            log("alarm passed on as it came", error=clean(repr(error), 400))
            _pass_on(raw, error, settings)


def _pass_on(raw: str, error: Exception, settings: Settings) -> None:
    because = f"the pager failed with {clean(repr(error), 200)}"
    send_topic(compose_raw(raw, because), settings, _client)
