"""Amazon SQS and SNS: FIFO queues and topics that whoever runs the account has made.

``sqs://REGION`` sends to queues and receives from them, ``sns://REGION/ACCOUNT`` sends to topics.
The group of a message is its key, its deduplication id that of the event, so what is sent again
within five minutes is dropped there. A call may be taken in part, so it holds a key once at most.
"""

from __future__ import annotations

import hashlib
import string
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from django.core.exceptions import ImproperlyConfigured

from flowdeck.connect.brokers import Address
from flowdeck.connect.brokers.sqs import FAULTS, PER_CALL, Line, SqsReceiver
from flowdeck.connect.messages import SEND_SECONDS, Outgoing, Refusal

_FIFO = ".fifo"
_LARGEST = {"sqs": 1024 * 1024, "sns": 256 * 1024}  # bytes of a message, and of a call
_ROOM = 1_024  # bytes of a message's own form, and of its traceparent
_LONGEST_GROUP = 128
_GROUP = frozenset(string.ascii_letters + string.digits + string.punctuation)
_GONE = ("NonExistentQueue", "QueueDoesNotExist", "NotFound")
_NOT_ITS_FAULT = ("Kms", "KMS", "AccessDenied", "Throttl", "RequestThrottled", "InvalidSecurity")


def open_sender(address: Address) -> AwsSender:
    """Whoever sends with these rights; nobody is asked yet. Raises ImproperlyConfigured."""
    return AwsSender(address)


class AwsSender:
    """Sends by calls of up to ten messages, one after the other."""

    most = 50  # all of one key, a call each, within the time that sending may take
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._topics = address.scheme == "sns"
        self._account = address.path.strip("/")
        if self._topics and not self._account:
            raise ImproperlyConfigured(
                f"FLOWDECK['BROKERS'][{address.name!r}] names no account: "
                f"sns://{address.host}/123456789012."
            )
        self._region, self._most_bytes = address.host, _LARGEST[address.scheme]
        taken = self._most_bytes - _ROOM
        self.largest = min(address.number("largest", taken), taken)
        self._line = Line(address)
        self._targets: dict[str, str] = {}

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender. What is behind a refused one of its key is not sent."""
        end, refusals, held = time.monotonic() + SEND_SECONDS, list[Refusal](), set[str]()
        for to, turn in _turns(batch):
            wanted = [at for at in turn if batch[at].key not in held]
            for some in _calls(batch, wanted, self._most_bytes - PER_CALL * _ROOM):
                if time.monotonic() > end:
                    raise self._line.away("it did not confirm in time")
                said = self._sent(to, batch, some)
                held.update(batch[one.at].key for one in said)
                refusals += said
        return refusals

    def close(self) -> None:
        """See Sender."""
        self._line.close()

    def _sent(self, to: str, batch: Sequence[Outgoing], some: Sequence[int]) -> list[Refusal]:
        if not to.endswith(_FIFO):
            said = f"{to!r} does not end with {_FIFO}: only FIFO queues and topics keep an order."
            return [Refusal(at, "NotFifo", said) for at in some]
        entries = [self._entry(at, batch[at]) for at in some]
        try:
            answer = self._called(to, entries)
        except ClientError as error:
            if _code(error) not in _GONE:
                raise self._line.away(error) from error
            kind = "NoSuchTopic" if self._topics else "NoSuchQueue"
            return [Refusal(at, kind, f"There is no {to!r}.") for at in some]
        except FAULTS as error:
            raise self._line.away(error) from error
        return [self._refusal(one) for one in answer.get("Failed", ())]

    def _called(self, to: str, entries: Sequence[Mapping[str, Any]]) -> Any:
        if self._topics:
            return self._line.client.publish_batch(
                TopicArn=self._target(to), PublishBatchRequestEntries=entries
            )
        return self._line.client.send_message_batch(QueueUrl=self._target(to), Entries=entries)

    def _target(self, to: str) -> str:
        if to not in self._targets:
            self._targets[to] = self._topic(to) if self._topics else self._line.queue(to)
        return self._targets[to]

    def _topic(self, to: str) -> str:
        partition = self._line.client.meta.partition
        return f"arn:{partition}:sns:{self._region}:{self._account}:{to}"

    def _entry(self, at: int, one: Outgoing) -> Mapping[str, Any]:
        return {
            "Id": str(at),
            "Message" if self._topics else "MessageBody": one.structured().decode(),
            "MessageGroupId": _group(one.key),
            "MessageDeduplicationId": one.id,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in one.trace_header.items()
            },
        }

    def _refusal(self, failed: Mapping[str, Any]) -> Refusal:
        code, said = str(failed["Code"]).rpartition(".")[2], str(failed.get("Message", ""))
        if not failed["SenderFault"] or code.startswith(_NOT_ITS_FAULT):
            raise self._line.away(f"{code}: {said}")
        return Refusal(int(failed["Id"]), code, said)


def _turns(batch: Sequence[Outgoing]) -> Iterator[tuple[str, list[int]]]:
    """The first messages of all keys, the second ones, ...; by where they go."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    turns: dict[tuple[int, str], list[int]] = defaultdict(list)
    for at, one in enumerate(batch):
        turns[seen[one.to, one.key], one.to].append(at)
        seen[one.to, one.key] += 1
    for (_, to), turn in sorted(turns.items()):
        yield to, turn


def _calls(batch: Sequence[Outgoing], turn: Sequence[int], most: int) -> Iterator[list[int]]:
    """As many at once as a call may hold, by number and bytes."""
    some, size = list[int](), 0
    for at in turn:
        if some and (len(some) == PER_CALL or size + batch[at].size > most):
            yield some
            some, size = [], 0
        some.append(at)
        size += batch[at].size
    if some:
        yield some


def _group(key: str) -> str:
    """The key, or what stands for it where it has other letters or more than a group may have."""
    if len(key) <= _LONGEST_GROUP and _GROUP.issuperset(key):
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> SqsReceiver:
    """Connect. The queue keeps what was not deleted, so no places are. Raises BrokerAway."""
    if address.scheme != "sqs":
        raise ImproperlyConfigured(
            f"FLOWDECK['BROKERS'][{address.name!r}]: topics can't be read; subscribe a queue "
            f"to the topic, and name it as sqs://{address.host}."
        )
    return SqsReceiver(address, source)
