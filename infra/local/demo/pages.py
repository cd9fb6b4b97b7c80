"""The pages that people get: a queue that is subscribed to their topic."""

from dataclasses import dataclass, field
from datetime import datetime

from infra.local.client.local_aws import LocalAws
from infra.local.client.topic_queue import TopicQueue

_QUEUE = "people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, as an e-mail would show it."""

    subject: str
    text: str
    received: datetime

    @property
    def is_recovery(self) -> bool:
        """Whether it tells that something is over."""
        return self.subject.startswith(("OK", "OK:"))


@dataclass(slots=True, kw_only=True)
class PageInbox:
    """Reads new pages from a queue that is subscribed to the people's topic."""

    queue: TopicQueue
    pages: list[Page] = field(default_factory=list)

    @staticmethod
    def subscribe(aws: LocalAws, topic: str) -> "PageInbox":
        """Create a queue and subscribe it to a topic."""
        return PageInbox(queue=TopicQueue.subscribe(aws.client, topic, _QUEUE))

    def new_pages(self) -> list[Page]:
        """Return the pages that came since the last call, oldest first."""
        new = [_page(message) for message in self.queue.take()]
        self.pages += new
        return new


def _page(notification: dict[str, str]) -> Page:
    return Page(
        subject=str(notification.get("Subject") or "(no subject)"),
        text=str(notification["Message"]),
        received=datetime.now().astimezone(),
    )
