"""A queue that is subscribed to a topic, for a program to read what the topic tells people."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.client.stacks import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicQueue:
    """An SQS queue with the messages of an SNS topic."""

    sqs: Client
    url: str

    @staticmethod
    def subscribe(client: Callable[[str], Client], topic: str, name: str, *, raw: bool = False) -> "TopicQueue":
        """Create a queue and subscribe it to a topic, for the messages alone if `raw`, else with their subjects.

        `client` returns the client of a service.
        """
        sqs = client("sqs")
        url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
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
        attributes = {"RawMessageDelivery": str(raw).lower()}
        client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return TopicQueue(sqs=sqs, url=url)

    def take(self, wait_s: int = 0) -> list[dict[str, Any]]:
        """Return the messages that are in the queue, in their order, and delete them; wait for one so many seconds."""
        taken: list[dict[str, Any]] = []
        while messages := self._receive(0 if taken else wait_s):
            for message in messages:
                taken.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def _receive(self, wait_s: int) -> list[dict[str, str]]:
        received = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s)
        return list(received.get("Messages", []))
