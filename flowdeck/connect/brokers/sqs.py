"""Queues of Amazon SQS, read; and the client by which both services are spoken to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import SEND_SECONDS, STRUCTURED, Incoming
from flowdeck.errors import BrokerAway

FAULTS = (BotoCoreError, ClientError, OSError)
"""What the client raises if nobody answers as hoped."""
PER_CALL = 10
"""Messages that a call of either service may hold."""
_VISIBILITY_SECONDS = 60


class Line:
    """A client of one of the two services."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.client: Any = boto3.session.Session(
            aws_access_key_id=address.user or None,
            aws_secret_access_key=address.password or None,
            region_name=address.host,
        ).client(
            address.scheme,
            endpoint_url=address.options.get("endpoint"),
            config=Config(
                connect_timeout=SEND_SECONDS,
                read_timeout=SEND_SECONDS,
                retries={"total_max_attempts": 1},  # whoever sends or receives tries again
            ),
        )

    def away(self, error: BaseException | str) -> BrokerAway:
        """What a client raised, as what it means here."""
        return BrokerAway(f"{self._address.shown}: {self._address.cleaned(str(error))}")

    def queue(self, name: str) -> str:
        """The address of a queue. Raises what the client raises."""
        return str(self.client.get_queue_url(QueueName=name)["QueueUrl"])

    def close(self) -> None:
        """Let go of its connections."""
        self.client.close()


class SqsReceiver:
    """Reads a queue. What was received is hidden from others for a while, and deleted when done."""

    def __init__(self, address: Address, source: str) -> None:
        self._hidden = address.number("visibility", _VISIBILITY_SECONDS)
        self._line = Line(address)
        self._handles: list[str] = []
        try:
            self._queue = self._line.queue(source)
        except FAULTS as error:
            self.close()
            raise self._line.away(error) from error

    def receive(self, most: int, wait: float) -> Sequence[Incoming]:
        """See Receiver. Of a group that is in hand the queue gives nothing more."""
        found: list[Incoming] = []
        while len(found) < most:
            try:
                answer = self._line.client.receive_message(
                    QueueUrl=self._queue,
                    MaxNumberOfMessages=min(PER_CALL, most - len(found)),
                    WaitTimeSeconds=0 if found else ceil(wait),
                    VisibilityTimeout=self._hidden,
                    MessageAttributeNames=["All"],
                )
            except FAULTS as error:
                raise self._line.away(error) from error
            some = answer.get("Messages", ())
            if not some:
                break
            self._handles += [one["ReceiptHandle"] for one in some]
            found += map(_message, some)
        return found

    def done(self) -> None:
        """See Receiver."""
        while self._handles:
            some = self._handles[:PER_CALL]
            entries = [{"Id": str(at), "ReceiptHandle": one} for at, one in enumerate(some)]
            try:
                answer = self._line.client.delete_message_batch(
                    QueueUrl=self._queue, Entries=entries
                )
            except FAULTS as error:
                raise self._line.away(error) from error
            if failed := answer.get("Failed"):
                raise self._line.away(f"{failed[0]['Code']}: {failed[0].get('Message', '')}")
            del self._handles[:PER_CALL]

    def waiting(self) -> int:
        """See Receiver."""
        name = "ApproximateNumberOfMessages"
        try:
            answer = self._line.client.get_queue_attributes(
                QueueUrl=self._queue, AttributeNames=[name]
            )
        except FAULTS as error:
            raise self._line.away(error) from error
        return int(answer["Attributes"][name])

    def close(self) -> None:
        """See Receiver. What is in hand is given back at once, if somebody hears it."""
        with suppress(*FAULTS):
            for start in range(0, len(self._handles), PER_CALL):
                some = self._handles[start : start + PER_CALL]
                self._line.client.change_message_visibility_batch(
                    QueueUrl=self._queue,
                    Entries=[
                        {"Id": str(at), "ReceiptHandle": one, "VisibilityTimeout": 0}
                        for at, one in enumerate(some)
                    ],
                )
        self._line.close()


def _message(one: Mapping[str, Any]) -> Incoming:
    given, body = one.get("MessageAttributes", {}), str(one["Body"])
    told = _notification(body)
    if told is not None:
        given, body = told.get("MessageAttributes") or {}, str(told["Message"])
    headers = {
        name.lower().removeprefix("ce-").removeprefix("ce_"): _value(value)
        for name, value in given.items()
    }
    if "specversion" not in headers:
        headers["content-type"] = STRUCTURED
    return Incoming(headers, body.encode("utf-8", "replace"))


def _value(attribute: Any) -> str:
    """The text of an attribute, as either service writes it."""
    found = attribute if isinstance(attribute, dict) else {}
    return str(found.get("StringValue", found.get("Value", "")))


def _notification(body: str) -> Mapping[str, Any] | None:
    """What a topic says to a queue that does not ask for raw messages."""
    if '"TopicArn"' not in body:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_one = isinstance(found, dict) and found.get("Type") == "Notification" and "Message" in found
    return found if is_one else None
