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

from flowdeck.alerts.facts import AlertFired, AlertResolved
from flowdeck.declare.event import Delivery
from flowdeck.declare.retry import Retry
from flowdeck.declare.subscribing import processor
from flowdeck.http.post import post
from flowdeck.models import AlertRule

_TIMEOUT = 5.0  # seconds of silence
_DEADLINE = 10.0  # seconds for all of a call
_RETRY = Retry(max_attempts=8, base=1.0, cap=120.0)


class WebhookRefused(Exception):
    """The receiver answered with something else than success."""


# One at a time: who is slow to be told holds one lane, and the alerts behind it in that lane only.
@processor("alert-mail", retry=_RETRY, atomic=False, batch_size=1)
def mail(event: AlertFired | AlertResolved, delivery: Delivery) -> None:
    """Mail whom the rule names."""
    rule = _rule(event)
    if rule is None or not rule.mail_to:
        return
    to = [address.strip() for address in rule.mail_to.split(",") if address.strip()]
    subject = f"[Flowdeck] {words(event)}".replace("\n", " ").replace("\r", " ")
    headers = {"X-Idempotency-Key": delivery.idempotency_key}
    EmailMessage(subject[:200], _text(event, rule), to=to, headers=headers).send()


@processor("alert-webhook", retry=_RETRY, atomic=False, batch_size=1)
def webhook(event: AlertFired | AlertResolved, delivery: Delivery) -> None:
    """POST to the address of the rule, signed. Redirects are not followed, and private addresses
    are a dead letter at once."""
    rule = _rule(event)
    if rule is None or not rule.webhook:
        return
    state = "fired" if isinstance(event, AlertFired) else "resolved"
    body = json.dumps({"state": state, **event.model_dump(mode="json")}).encode()
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": delivery.idempotency_key,
        "Flowdeck-Timestamp": moment,
        "Flowdeck-Signature": f"v1={signature(secret(rule.pk), moment, body)}",
    }
    answer = post(rule.webhook, body, headers, silence=_TIMEOUT, seconds=_DEADLINE)
    if answer.status // 100 != 2:  # the status is enough
        raise WebhookRefused(f"It answered {answer.status}.")


def secret(rule: int) -> str:
    """What the receiver of a rule's webhook checks signatures with. It is derived, not stored."""
    return salted_hmac("flowdeck.alerts", f"rule-{rule}", algorithm="sha256").hexdigest()


def signature(key: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256 over the time, a full stop and the body, as hexadecimal digits."""
    return hmac.new(key.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def words(event: AlertFired | AlertResolved) -> str:
    """The alert as a sentence."""
    measured = f"{event.value:g} {AlertRule.Kind(event.kind).label}"
    about = f" ({event.about})" if event.about else ""
    state = "fires" if isinstance(event, AlertFired) else "is resolved"
    return f"{event.name} {state}: {measured}{about}"


def _rule(event: AlertFired | AlertResolved) -> AlertRule | None:
    """The rule as it is now; None if nobody is to be told."""
    return None if event.muted else AlertRule.objects.filter(pk=event.rule).first()


def _text(event: AlertFired | AlertResolved, rule: AlertRule) -> str:
    return (
        f"{words(event)}.\n\nThe rule: {rule.threshold} or more {rule.get_kind_display()}, "
        f"for {rule.hold_seconds} s.\n"
    )
