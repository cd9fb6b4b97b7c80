"""The Lambda handler. It only wires; if anything fails, the alarm is passed on as it came."""

import functools
import os
import time
from typing import Any

import boto3
from botocore.config import Config

from pager.channels import send, send_topic
from pager.compose import compose_raw
from pager.event import is_tick, raw_messages
from pager.failed_tick import causes, is_told_at, page_of_tick
from pager.own_log import log_failure
from pager.service import PagerService
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
        _tick(service, settings)
        return
    for raw in raw_messages(event):
        try:
            service.on_message(raw)
        except Exception as error:  # noqa: BLE001 - the alarm must reach people
            _pass_on(raw, error, settings)


def _tick(service: PagerService, settings: Settings) -> None:
    """Do what a tick asks for; if it fails, tell so once an hour, because each tick would fail likewise."""
    try:
        service.on_tick()
    except Exception as error:  # noqa: BLE001 - told as a page; raised, people would get Lambda's JSON
        log_failure("tick failed", error="; ".join(causes(error)))
        if is_told_at(time.time()):
            send(page_of_tick(error, settings), settings, _client)


def _pass_on(raw: str, error: Exception, settings: Settings) -> None:
    because = clean(repr(error), 300)
    log_failure("alarm passed on as it came", error=because)
    send_topic(compose_raw(raw, f"the pager failed with {because}"), settings, _client)
