"""Channels: each that is asked for gets the page; a webhook's failure is told, its address is not."""

import contextlib
import http.server
import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pager.channels import CHANNELS, chat_text, send, send_topic
from pager.page import Page
from pager.references import fetch
from tests.faulty.pki import Pki
from tests.unit.fake_aws import FakeAws
from tests.unit.pager_factories import REFUSED, SETTINGS, evidence_of, page_of, record_of
from tests.unit.test_pager_pages import RecordingSns

REFERENCE = "ssm:/iot-connect-canary/fleet/webhook"


@dataclass
class Webhook:
    """An HTTPS server that keeps what is posted, and answers with a status."""

    address: str = ""
    status: int = 200
    posted: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates for loopback."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def webhook(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook on loopback, whose authority the process trusts."""
    hook = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.headers = dict(self.headers)
            hook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(pki.ca_file).parent / "good.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    hook.address = f"https://localhost:{server.server_port}/services/T0/SECRET-TOKEN"
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield hook
    server.shutdown()
    server.server_close()
    thread.join()


class Clients:
    """SNS that records, and SSM that knows one parameter."""

    def __init__(self, address: str) -> None:
        self.sns, self.address = RecordingSns(), address

    def __call__(self, service: str) -> Any:
        """Return the client of a service."""
        return self.sns if service == "sns" else self

    def get_parameter(self, **request: Any) -> dict[str, Any]:
        """Return the address, if it is asked for as the reference says."""
        assert request == {"Name": REFERENCE.removeprefix("ssm:"), "WithDecryption": True}
        return {"Parameter": {"Value": self.address}}


@pytest.fixture
def page() -> Page:
    """A page of one target that fails."""
    return page_of("TargetsFailingAlarm", evidence_of(record_of(**REFUSED), record_of("other")))


def test_every_channel_gets_the_page(webhook: Webhook, page: Page) -> None:
    """With everything set, every channel of the table has it."""
    settings = replace(SETTINGS, webhook=REFERENCE)
    assert [channel.name for channel in CHANNELS if channel.is_asked_for(settings)] == ["webhook", "topic"]
    clients = Clients(webhook.address)
    send(page, settings, clients)
    (posted,) = webhook.posted
    assert posted == {
        "text": chat_text(page),
        "subject": page.subject,
        "body": page.text,
        "page": dict(page.attributes),
    }
    assert webhook.headers["Content-Type"] == "application/json"
    assert webhook.headers["User-Agent"] == "iot-connect-canary-pager"
    assert json.loads(clients.sns.published["Message"])["default"] == page.text


def test_slack_takes_the_text_only(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its webhooks refuse members that they do not know."""
    posted: list[Any] = []

    def urlopen(request: urllib.request.Request, timeout: float) -> contextlib.nullcontext[None]:
        posted.append((request.full_url, request.method, request.data, timeout))
        return contextlib.nullcontext()

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    send(page, replace(SETTINGS, webhook=REFERENCE), Clients("https://hooks.slack.com/services/T/B/X"))
    body = json.dumps({"text": chat_text(page)}).encode()
    assert posted == [("https://hooks.slack.com/services/T/B/X", "POST", body, 8.0)]


def test_topic_is_always_asked_for(page: Page) -> None:
    """Without a webhook the page goes to the topic alone."""
    clients = Clients("")
    send(page, SETTINGS, clients)
    assert clients.sns.published["TopicArn"] == SETTINGS.topic
    assert [channel.name for channel in CHANNELS if channel.is_asked_for(SETTINGS)] == ["topic"]


@pytest.mark.parametrize(
    ("broken", "error"),
    [("status", "HTTPError"), ("address", "URLError"), ("scheme", "ValueError"), ("unresolved", "URLError")],
)
def test_failing_webhook(
    webhook: Webhook, page: Page, broken: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The topic has the page all the same, with a note; the webhook's address stands nowhere."""
    addresses = {
        "address": "https://localhost:1/SECRET-TOKEN",
        "scheme": webhook.address.replace("https:", "http:"),
        "unresolved": "https://SECRET-TOKEN.invalid/",
    }
    webhook.status = 404
    clients = Clients(addresses.get(broken, webhook.address))
    send(page, replace(SETTINGS, webhook=REFERENCE), clients)
    text = json.loads(clients.sns.published["Message"])["default"]
    assert text.startswith(page.text.rstrip())
    assert text.endswith(f"\n\nThis page did not reach the webhook: {error}.\n")
    written = capsys.readouterr().out
    record = {"message": "page not sent", "level": "ERROR", "channel": "webhook", "error": error}
    assert json.loads(written) == record
    assert "SECRET-TOKEN" not in text + written


def test_chat_text_has_no_markup() -> None:
    """What an endpoint answered mentions nobody and ends no block."""
    text = chat_text(Page(subject="s", text="<!channel> ``` & <@U1>"))
    assert text == "*s*\n```\n&lt;!channel&gt; ''' &amp; &lt;@U1&gt;\n```"


def test_chat_text_is_cut() -> None:
    """Chat tools refuse long messages; the topic has the whole page."""
    assert chat_text(Page(subject="s", text="x" * 4000)) == f"*s*\n```\n{'x' * 3000}\n```"


def test_topic_has_text_for_mail_and_a_document_for_chat(page: Page) -> None:
    """E-mail gets the text; Amazon Q Developer its schema; filter policies the attributes."""
    sns = RecordingSns()
    send_topic(page, SETTINGS, lambda _service: sns)
    message = json.loads(sns.published["Message"])
    document = json.loads(message["https"])
    assert (sns.published["MessageStructure"], message["default"]) == ("json", page.text)
    assert document == {
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": page.subject, "description": chat_text(page)},
        "metadata": {"threadId": "TargetsFailingAlarm", "additionalContext": dict(page.attributes)},
    }
    attributes = {name: each["StringValue"] for name, each in sns.published["MessageAttributes"].items()}
    assert attributes["failure"] == "NotAuthorized"
    assert (attributes["failing"], attributes["targets"]) == ("1", "2")
    kinds = {name: each["DataType"] for name, each in sns.published["MessageAttributes"].items()}
    assert {name for name, kind in kinds.items() if kind == "Number"} == {"failing", "targets"}
    assert set(kinds.values()) == {"Number", "String"}


def test_reference_to_a_secret(aws: FakeAws) -> None:
    """A secret, or one key of a JSON secret, through the real SDK."""
    import boto3

    aws.secrets["hook"] = json.dumps({"url": "https://a.example"})
    assert fetch("secretsmanager:hook#url", lambda service: boto3.client(service, region_name="eu-west-1")) == (
        "https://a.example"
    )


def test_value_that_is_no_reference() -> None:
    """An address itself is refused, and not repeated."""
    with pytest.raises(ValueError, match="by reference") as raised:
        fetch("https://hooks.slack.com/SECRET-TOKEN", lambda _service: None)
    assert "SECRET-TOKEN" not in str(raised.value)
