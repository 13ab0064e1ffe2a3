"""Telling people of alerts: two processors, so mails and webhooks are retried like any delivery.

They call the outside world, so a receiver may be told twice after a crash; the idempotency key is
the same then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from django.core.mail import EmailMessage
from django.utils.crypto import salted_hmac

from flowdeck.alerts import messages
from flowdeck.alerts.facts import Told
from flowdeck.declare.event import Delivery
from flowdeck.declare.retry import Retry
from flowdeck.declare.subscribing import processor
from flowdeck.http.post import post
from flowdeck.models import AlertRule

NAMES = ("alert-mail", "alert-webhook")
_TIMEOUT = 5.0  # seconds of silence
_DEADLINE = 10.0  # seconds for all of a call
_RETRY = Retry(max_attempts=8, base=1.0, cap=120.0)


class WebhookRefused(Exception):
    """The receiver answered with something else than success."""


# One at a time: who is slow to be told holds one lane, and the alerts behind it in that lane only.
@processor(NAMES[0], retry=_RETRY, atomic=False, batch_size=1)
def mail(event: Told, delivery: Delivery) -> None:
    """Mail whom the rule names."""
    rule = _rule(event)
    if rule is None or not rule.mail_to:
        return
    to = [address.strip() for address in rule.mail_to.split(",") if address.strip()]
    subject = f"[Flowdeck] {messages.words(event)}".replace("\n", " ").replace("\r", " ")
    headers = {"X-Idempotency-Key": delivery.idempotency_key}
    EmailMessage(subject[:200], messages.text(event, rule), to=to, headers=headers).send()


@processor(NAMES[1], retry=_RETRY, atomic=False, batch_size=1)
def webhook(event: Told, delivery: Delivery) -> None:
    """POST to the address of the rule, in the form that it takes. What is ours is signed.

    Redirects are not followed, and private addresses are a dead letter at once.
    """
    rule = _rule(event)
    if rule is None or not rule.webhook:
        return
    body = json.dumps(messages.body(event, rule)).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": delivery.idempotency_key}
    if rule.form == AlertRule.Form.FLOWDECK:
        moment = str(int(time.time()))
        headers["Flowdeck-Timestamp"] = moment
        headers["Flowdeck-Signature"] = f"v1={signature(secret(rule.pk), moment, body)}"
    answer = post(rule.webhook, body, headers, silence=_TIMEOUT, seconds=_DEADLINE)
    if answer.status // 100 != 2:  # the status is enough
        raise WebhookRefused(f"It answered {answer.status}.")


def secret(rule: int) -> str:
    """What the receiver of a rule's webhook checks signatures with. It is derived, not stored."""
    return salted_hmac("flowdeck.alerts", f"rule-{rule}", algorithm="sha256").hexdigest()


def signature(key: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256 over the time, a full stop and the body, as hexadecimal digits."""
    return hmac.new(key.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def _rule(event: Told) -> AlertRule | None:
    """The rule as it is now; None if nobody is to be told."""
    return None if event.muted else AlertRule.objects.filter(pk=event.rule).first()
