"""Setting alert rules: checks what is asked for, and keeps it in the audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError

from flowdeck import clock, parsing
from flowdeck.alerts import facts
from flowdeck.alerts.facts import AlertTested
from flowdeck.alerts.messages import PAGERDUTY
from flowdeck.database import transaction
from flowdeck.declare.registry import registry
from flowdeck.models import AlertRule
from flowdeck.people import audit

MOST_RULES = 50
MOST_HOURS = 7 * 24
"""For which a rule is muted at a time."""
_LONGEST_HOLD = 24 * 3600
_LONGEST_MINUTES = 7 * 24 * 60
_Kind = AlertRule.Kind
_TYPES = {_Kind.MISSING: ("first_type", "then_type"), _Kind.SILENCE: ("first_type",)}
_MINUTES = {
    _Kind.MISSING: "within",
    _Kind.FAILURES: "in the last",
    _Kind.LATENCY: "in the last",
    _Kind.STUCK: "for",
    _Kind.STANDING: "for",
}
"""Kinds that are told how many minutes, and how these are said."""


class RuleRefused(Exception):
    """A rule can't be set as asked; the message says why."""


def save(number: int | None, wanted: dict[str, Any], *, by: str) -> AlertRule:
    """Set a new rule, or change one. Raises RuleRefused, or AlertRule.DoesNotExist.

    A rule that was changed begins anew: it fires again if it is still met.
    """
    checked = _checked(wanted)
    try:
        with transaction.atomic():
            if number is None:
                if AlertRule.objects.count() >= MOST_RULES:
                    raise RuleRefused(f"There are {MOST_RULES} rules already. Delete one first.")
                rule = AlertRule.objects.create(**checked)
            else:
                rule = AlertRule.objects.select_for_update().get(pk=number)
                for name, value in checked.items():
                    setattr(rule, name, value)
                rule.over_since = rule.firing_since = rule.looked_at = None
                rule.save()
            verb = "add alert rule" if number is None else "change alert rule"
            audit.record(verb, by=by, target=f"alert {rule.name}", count=1, reason=said(rule))
    except IntegrityError as error:
        raise RuleRefused(f"There is a rule named {checked['name']!r} already.") from error
    return rule


def mute(number: int, hours: int, *, by: str) -> None:
    """Tell nobody for so many hours; 0 ends it. Raises AlertRule.DoesNotExist."""
    until = clock.now() + timedelta(hours=hours) if hours else None
    with transaction.atomic():
        rule = AlertRule.objects.select_for_update().get(pk=number)
        rule.muted_until = until
        rule.save(update_fields=["muted_until"])
        verb = "mute alert rule" if hours else "unmute alert rule"
        audit.record(
            verb,
            by=by,
            target=f"alert {rule.name}",
            count=1,
            reason=f"for {hours} h" if hours else "",
        )


def delete(number: int, *, by: str) -> None:
    """Forget a rule. Raises AlertRule.DoesNotExist."""
    with transaction.atomic():
        rule = AlertRule.objects.select_for_update().get(pk=number)
        audit.record(
            "delete alert rule", by=by, target=f"alert {rule.name}", count=1, reason=said(rule)
        )
        rule.delete()


def test(number: int, *, by: str) -> int:
    """Send whom the rule names a message that is marked as a test; the position of its event.

    Raises AlertRule.DoesNotExist, or RuleRefused if it names nobody.
    """
    with transaction.atomic():
        rule = AlertRule.objects.get(pk=number)
        if not (rule.mail_to or rule.webhook):
            raise RuleRefused(f"{rule.name} names nobody to be told: give it a mail address first.")
        audit.record("test alert rule", by=by, target=f"alert {rule.name}", count=1)
        return facts.append(AlertTested, rule, processor=rule.processor, by=by).positions[0]


def said(rule: AlertRule) -> str:
    """The rule in words."""
    where = f" of {rule.processor}" if rule.processor else ""
    if rule.kind == AlertRule.Kind.MISSING:
        where = f" ({rule.then_type} after {rule.first_type} within {rule.minutes} min)"
    elif rule.kind == AlertRule.Kind.SILENCE:
        where = f" ({rule.first_type})"
    elif rule.minutes:
        where += f" {_MINUTES[AlertRule.Kind(rule.kind)]} {rule.minutes} min"
    hold = f", for {rule.hold_seconds} s" if rule.hold_seconds else ""
    return f"{rule.threshold} or more {rule.get_kind_display()}{where}{hold}"


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    name = str(wanted.get("name", "")).strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise RuleRefused("Give it a name of 1 to 80 characters.")
    kind, processor = str(wanted.get("kind", "")), str(wanted.get("processor", ""))
    if kind not in AlertRule.Kind.values:
        raise RuleRefused(f"There is no kind {kind[:20]!r} of rule.")
    if processor and processor not in registry.processors:
        raise RuleRefused(f"There is no processor {processor[:64]!r}.")
    return {
        "name": name,
        "kind": kind,
        "processor": processor,
        **_looked_at(kind, wanted),
        "threshold": _number(wanted, "threshold", 1, 1_000_000),
        "hold_seconds": _number(wanted, "hold_seconds", 0, _LONGEST_HOLD),
        "mail_to": _addresses(str(wanted.get("mail_to", ""))),
        **_receiver(wanted),
    }


def _looked_at(kind: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The types and minutes that rules of this kind are about; of others nothing."""
    found: dict[str, Any] = {"first_type": "", "then_type": "", "minutes": 0}
    for name in _TYPES.get(AlertRule.Kind(kind), ()):
        found[name] = one = str(wanted.get(name, "")).strip()
        if one not in registry.event_types:
            raise RuleRefused(
                f"There is no event type {one[:100]!r}: say which this rule is about."
            )
    if kind in _MINUTES:
        found["minutes"] = _number(wanted, "minutes", 1, _LONGEST_MINUTES)
    return found


def _receiver(wanted: dict[str, Any]) -> dict[str, Any]:
    form = str(wanted.get("form", "")) or AlertRule.Form.FLOWDECK
    if form not in AlertRule.Form.values:
        raise RuleRefused(f"There is no form {form[:20]!r} of webhooks.")
    address, key = (
        str(wanted.get("webhook", "")).strip(),
        str(wanted.get("routing_key", "")).strip(),
    )
    if form != AlertRule.Form.PAGERDUTY:
        return {"form": form, "webhook": _webhook(address), "routing_key": ""}
    if not (key.isascii() and key.isalnum() and len(key) <= 64):
        raise RuleRefused("PagerDuty needs a routing key: letters and digits, 64 at most.")
    return {"form": form, "webhook": _webhook(address or PAGERDUTY), "routing_key": key}


def _number(wanted: dict[str, Any], name: str, least: int, most: int) -> int:
    text = str(wanted.get(name, "")).strip() or str(least)
    found = parsing.number(text, least=least, most=most)
    if found is None:
        raise RuleRefused(f"{name.replace('_', ' ')}: a number from {least:,} to {most:,}.")
    return found


def _addresses(text: str) -> str:
    found = [one.strip() for one in text.split(",") if one.strip()]
    for one in found:
        try:
            validate_email(one)
        except ValidationError as error:
            raise RuleRefused(f"{one[:60]!r} is no mail address.") from error
    if len(", ".join(found)) > 300:
        raise RuleRefused("That is too many mail addresses: 300 characters at most.")
    return ", ".join(found)


def _webhook(text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or len(text) > 300 or parts.username:
        raise RuleRefused("A webhook is an http(s) address of at most 300 characters, no password.")
    if not text.isprintable() or " " in text:
        raise RuleRefused("A webhook's address has no spaces.")
    return text
