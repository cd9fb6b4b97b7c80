"""The table of channels that a page is sent through."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pager.own_log import log_failure
from pager.page import Page
from pager.references import fetch
from pager.settings import Settings
from pager.text import clean

_TIMEOUT_S = 8.0
_MAX_CHAT_TEXT = 3000
_SLACK = "hooks.slack.com"
Client = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way to people: whether the settings ask for it, and how a page goes through it."""

    name: str
    is_asked_for: Callable[[Settings], bool]
    send: Callable[[Page, Settings, Client], None]


def send_webhook(page: Page, settings: Settings, client: Client) -> None:
    """Post the page as JSON to the address that `PageWebhookUrl` refers to; Slack takes the text only."""
    address = fetch(settings.webhook, client)
    parts = urlsplit(address)
    if parts.scheme != "https":
        raise ValueError("the webhook's address is no https:// address")
    body: dict[str, Any] = {"text": chat_text(page)}
    if parts.hostname != _SLACK:
        body |= {"subject": page.subject, "body": page.text, "page": page.attributes}
    headers = {"Content-Type": "application/json", "User-Agent": "iot-connect-canary-pager"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 - https
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - https
        pass


def chat_text(page: Page) -> str:
    """Return the page as one chat message, in which nothing is markup or a mention."""
    escaped = page.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return f"*{page.subject}*\n```\n{escaped[:_MAX_CHAT_TEXT]}\n```"


def send_topic(page: Page, settings: Settings, client: Client) -> None:
    """Publish the page to the people's topic: text for e-mail, Amazon Q's schema for chat, attributes for filters."""
    message = {"default": page.text, "https": _json(chat_document(page))}
    attributes = {
        name: {"DataType": "Number" if isinstance(value, int) else "String", "StringValue": str(value)}
        for name, value in page.attributes.items()
    }
    client("sns").publish(
        TopicArn=settings.topic,
        Subject=page.subject,
        MessageStructure="json",
        Message=_json(message),
        MessageAttributes=attributes,
    )


def _json(value: object) -> str:
    """Return JSON in which a character takes no more than its bytes: SNS counts those."""
    return json.dumps(value, ensure_ascii=False)


def chat_document(page: Page) -> dict[str, Any]:
    """Return the page as a custom notification of Amazon Q Developer in chat applications."""
    return {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": page.subject, "description": chat_text(page)},
        "metadata": {"threadId": page.attributes["alarm"], "additionalContext": page.attributes},
    }


# The topic is last, so that its page can say which other channel failed.
CHANNELS: tuple[Channel, ...] = (
    Channel(name="webhook", is_asked_for=lambda settings: bool(settings.webhook), send=send_webhook),
    Channel(name="topic", is_asked_for=lambda _settings: True, send=send_topic),
)


def send(page: Page, settings: Settings, client: Client) -> None:
    """Send the page through every channel that is asked for; only the topic's failure is the caller's."""
    *others, topic = CHANNELS
    for channel in others:
        if channel.is_asked_for(settings):
            try:
                channel.send(page, settings, client)
            except Exception as error:  # noqa: BLE001 - the topic says what happened
                # The type only: the text of an error can hold the address, which is a secret.
                log_failure("page not sent", channel=channel.name, error=type(error).__name__)
                page = page.with_note(f"This page did not reach the {channel.name}: {clean(type(error).__name__, 80)}.")
    topic.send(page, settings, client)
