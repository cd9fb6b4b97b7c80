"""The pages that people get: a queue that is subscribed to their topic."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from infra.local.client.local_aws import LocalAws

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

    aws: LocalAws
    url: str
    pages: list[Page] = field(default_factory=list)

    @staticmethod
    def subscribe(aws: LocalAws, topic: str) -> "PageInbox":
        """Create a queue and subscribe it to a topic."""
        sqs = aws.client("sqs")
        url = str(sqs.create_queue(QueueName=_QUEUE)["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return PageInbox(aws=aws, url=url)

    def new_pages(self) -> list[Page]:
        """Return the pages that came since the last call, oldest first."""
        sqs, new = self.aws.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                new.append(_page(json.loads(message["Body"])))
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        self.pages += new
        return new


def _page(notification: dict[str, str]) -> Page:
    return Page(
        subject=str(notification.get("Subject") or "(no subject)"),
        text=str(notification["Message"]),
        received=datetime.now().astimezone(),
    )
