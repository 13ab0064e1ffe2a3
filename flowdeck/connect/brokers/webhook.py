"""Webhooks: each event a POST to another service's address, signed by Standard Webhooks.

One after the other, so messages of one key keep their order. A message is confirmed by any status
of 2xx. What the receiver says of the message itself (400, 413, 422, ...) refuses it for good; all
else is the receiver's own trouble (its address, its rights, its load), which is waited for.
https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence

from flowdeck.conf import conf
from flowdeck.connect import signatures
from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import SEND_SECONDS, STRUCTURED, Outgoing, Refusal, Tried
from flowdeck.errors import BrokerAway, Reject
from flowdeck.http.post import Answer, post

LARGEST = 1024 * 1024
_SHOWN = 300  # characters of what the receiver said
# Not the message's fault: rights, address, method, load, time (RFC 9110, section 15.5).
_AWAY = frozenset({401, 402, 403, 404, 405, 407, 408, 409, 410, 421, 423, 425, 429})


def open_sender(address: Address) -> WebhookSender:
    """Whoever posts to this address; nobody is asked yet."""
    return WebhookSender(address)


class WebhookSender:
    """Posts to one receiver. ``to`` of a message is the rest of the address."""

    most = 5  # in the time of a lease, however slow the receiver is
    every = 0.0

    def __init__(self, address: Address) -> None:
        self._address = address
        self._base = f"{address.scheme}://{address.host}{address.path.rstrip('/')}"
        self._secrets = [
            signatures.key(one) for one in conf().WEBHOOK_SECRETS.get(address.name, ())
        ]
        given = f"{address.user}:{address.password}".encode()
        self._right = base64.b64encode(given).decode() if address.user else ""
        self.largest = address.number("largest", LARGEST)
        self._told: list[Tried] = []

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender."""
        refusals = []
        for at, one in enumerate(batch):
            tried = self.tried(one)
            self._told.append(tried)
            if tried.status // 100 == 2:
                continue
            said = f"It answered {tried.status}: {tried.said[:_SHOWN]}".rstrip(": ")
            if not tried.status:
                raise self._away(tried.said)
            if tried.status // 100 != 4 or tried.status in _AWAY:
                raise self._away(said)
            refusals.append(Refusal(at, f"Refused{tried.status}", said))
        return refusals

    def told(self) -> list[Tried]:
        """See Telling."""
        told, self._told = self._told, []
        return told

    def tried(self, one: Outgoing, *, hear_out: bool = False) -> Tried:
        """Post one message, whatever comes of it; see :func:`post`."""
        body, began = one.structured(), time.monotonic()
        url = f"{self._base}/{one.to.lstrip('/')}"
        try:
            answer = post(
                url,
                body,
                self._headers(one, body),
                silence=SEND_SECONDS,
                seconds=SEND_SECONDS,
                hear_out=hear_out,
            )
        except (OSError, Reject) as error:
            answer = Answer(0, str(error) or type(error).__name__)
        seconds = time.monotonic() - began
        return Tried(one, answer.status, self._cleaned(answer.text), seconds)

    def close(self) -> None:
        """See Sender."""

    def _headers(self, one: Outgoing, body: bytes) -> Mapping[str, str]:
        moment = str(int(time.time()))
        headers = {
            "Content-Type": STRUCTURED,
            "webhook-id": one.id,
            "webhook-timestamp": moment,
            **one.trace_header,
        }
        if self._secrets:
            signed = (signatures.standard(key, one.id, moment, body) for key in self._secrets)
            headers["webhook-signature"] = " ".join(signed)
        if self._right:
            headers["Authorization"] = f"Basic {self._right}"
        return headers

    def _cleaned(self, said: str) -> str:
        """Without what the receiver repeats of our rights."""
        return self._address.cleaned(said.replace(self._right, "…") if self._right else said)

    def _away(self, said: str) -> BrokerAway:
        return BrokerAway(f"{self._address.shown}: {self._cleaned(said)}")
