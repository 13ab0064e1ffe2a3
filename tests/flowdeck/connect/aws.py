"""Queues and topics as Amazon has them: Moto's server, behind a proxy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

import boto3

from tests.flowdeck.connect.brokers import Received, answers
from tests.flowdeck.connect.proxy import Proxy
from tests.polling import eventually
from tests.site import free_port

ACCOUNT = "123456789012"
_REGION = "eu-central-1"


class Moto:
    """SQS, or SNS with a queue behind each topic. What was read is gone there, and kept here."""

    closed = "no-such.fifo"
    suffix = ".fifo"

    def __init__(self, service: Literal["sqs", "sns"], proxy: Proxy, port: int) -> None:
        path = f"/{ACCOUNT}" if service == "sns" else ""
        options = {"endpoint": f"http://127.0.0.1:{proxy.port}", "visibility": "3"}
        self.proxy, self.port = proxy, port
        self.url = f"{service}://key:secret@{_REGION}{path}?{urlencode(options)}"
        self._service = service
        session = boto3.session.Session("key", "secret", region_name=_REGION)
        self._queues, self._topics = (
            session.client(name, endpoint_url=f"http://127.0.0.1:{port}") for name in ("sqs", "sns")
        )
        self._read: dict[str, list[Received]] = defaultdict(list)

    def prepare(self, to: str) -> None:
        fifo = {"FifoQueue": "true"}
        queue = self._queues.create_queue(QueueName=to, Attributes=fifo)["QueueUrl"]
        if self._service == "sns":
            topic = self._topics.create_topic(Name=to, Attributes={"FifoTopic": "true"})["TopicArn"]
            (arn,) = self._queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
                "Attributes"
            ].values()
            self._topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def put(self, to: str, headers: dict[str, str], body: bytes) -> None:
        self._queues.send_message(
            QueueUrl=self._url(to),
            MessageBody=body.decode("utf-8", "replace").replace("\x00", "?"),
            MessageGroupId=headers.get("subject", "none"),
            MessageDeduplicationId=uuid4().hex,
            MessageAttributes={
                f"ce-{name}": {"DataType": "String", "StringValue": value}
                for name, value in headers.items()
            },
        )

    def give_back(self) -> None:
        """It comes again by itself, after the time that the address says."""

    def received(self, to: str) -> list[Received]:
        url = self._url(to)
        while found := self._queues.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages"):
            for one in found:
                self._read[to].append(self._message(one))
                self._queues.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return list(self._read[to])

    def _message(self, one: dict[str, Any]) -> Received:
        body = json.loads(one["Body"])
        value = json.loads(body["Message"]) if self._service == "sns" else body
        if self._service == "sqs":
            assert one["Attributes"]["MessageDeduplicationId"] == value["id"]
        return Received(value["id"], value, value.pop("data"))

    def groups(self, to: str) -> set[str]:
        """The groups of what waits in a queue."""
        found = self._queues.receive_message(
            QueueUrl=self._url(to), MaxNumberOfMessages=10, AttributeNames=["All"]
        )["Messages"]
        return {one["Attributes"]["MessageGroupId"] for one in found}

    def _url(self, queue: str) -> str:
        return str(self._queues.get_queue_url(QueueName=queue)["QueueUrl"])


@contextmanager
def a_moto(service: Literal["sqs", "sns"], folder: Path) -> Iterator[Moto]:
    port = free_port()
    with (folder / "moto.log").open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=output, stderr=output
        )
        try:
            eventually(lambda: answers(port))
            with Proxy(("127.0.0.1", port)) as proxy:
                yield Moto(service, proxy, port)
        finally:
            server.kill()
            server.wait()
