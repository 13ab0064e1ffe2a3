"""What is said of an alert: in a mail, and to each kind of receiver of a webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowdeck.alerts import pages
from flowdeck.alerts.facts import AlertFired, AlertResolved, AlertTested, Told
from flowdeck.models import AlertRule

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
"""Where PagerDuty takes events, unless a rule says otherwise."""


def words(event: Told) -> str:
    """The alert as a sentence."""
    measured = f"{event.value:g} {AlertRule.Kind(event.kind).label}"
    about = f" ({event.about})" if event.about else ""
    said = {"fired": "fires", "resolved": "is resolved", "test": "is only tested"}[state(event)]
    return f"{event.name} {said}: {measured}{about}"


def state(event: Told) -> str:
    """``fired``, ``resolved`` or ``test``."""
    return {AlertFired: "fired", AlertResolved: "resolved", AlertTested: "test"}[type(event)]


def text(event: Told, rule: AlertRule) -> str:
    """The body of a mail."""
    lines = [
        f"{words(event)}.",
        "",
        f"The rule: {rule.threshold} or more {rule.get_kind_display()}, for {rule.hold_seconds} s.",
        *(f"{name}: {said}" for name, said in _facts(event)),
        *([f"Open: {link}"] if (link := pages.link(event)) else []),
    ]
    return "\n".join(lines) + "\n"


def body(event: Told, rule: AlertRule) -> dict[str, Any]:
    """What the webhook of the rule is sent as JSON, in the form that its receiver takes."""
    return _BODIES[AlertRule.Form(rule.form)](event, rule)


def _facts(event: Told) -> list[tuple[str, str]]:
    told = [("Host", pages.host()), ("Processor", event.processor), ("Error", event.error)]
    return [(name, said) for name, said in told if said]


def _flowdeck(event: Told, rule: AlertRule) -> dict[str, Any]:
    more = {"host": pages.host(), "link": pages.link(event)}
    return {"state": state(event), **event.model_dump(mode="json"), **more}


def _slack(event: Told, rule: AlertRule) -> dict[str, Any]:
    """A message of an incoming webhook, in Slack's blocks. What comes from us is no markup."""
    said, link = words(event), pages.link(event)
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": said[:3000]}},
        {
            "type": "section",
            "fields": [
                {"type": "plain_text", "text": f"{name}: {fact}"[:2000]}
                for name, fact in _facts(event)
            ],
        },
    ]
    if _whole(link):
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": said.translate(_ESCAPED), "blocks": blocks}


_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def _teams(event: Told, rule: AlertRule) -> dict[str, Any]:
    """An adaptive card, as a workflow's webhook of Teams takes it."""
    link = pages.link(event)
    opens = [{"type": "Action.OpenUrl", "title": "Open", "url": link}] if _whole(link) else []
    lines = [words(event), *(f"{name}: {said}" for name, said in _facts(event))]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_line(one, bold=number == 0) for number, one in enumerate(lines)],
        "actions": opens,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _line(said: str, bold: bool) -> dict[str, Any]:
    """As runs of text: blocks of text would take what an error is called for markup."""
    run = {"type": "TextRun", "text": said, "weight": "bolder" if bold else "default"}
    return {"type": "RichTextBlock", "inlines": [run]}


def _pagerduty(event: Told, rule: AlertRule) -> dict[str, Any]:
    """An event of its Events API v2: what fires opens an incident, which ends with it.

    A test opens one of its own, so that it touches none that is real.
    """
    link, told = pages.link(event), state(event)
    test = "-test" if told == "test" else ""
    found: dict[str, Any] = {
        "routing_key": rule.routing_key,
        "event_action": "resolve" if told == "resolved" else "trigger",
        "dedup_key": f"flowdeck-{pages.host()}-alert-{rule.pk}{test}",
        "client": "Flowdeck",
        "payload": {
            "summary": words(event)[:1024],
            "source": pages.host(),
            "severity": "info" if test else "critical",
            "component": event.processor or event.about or event.kind,
            "class": event.error or event.kind,
            "custom_details": dict(_facts(event)) | {"value": event.value},
        },
    }
    if _whole(link):
        found |= {"client_url": link, "links": [{"href": link, "text": "Open"}]}
    return found


def _whole(link: str) -> bool:
    """Whether it leads anywhere from outside."""
    return link.startswith(("https://", "http://"))


_BODIES: dict[AlertRule.Form, Callable[[Told, AlertRule], dict[str, Any]]] = {
    AlertRule.Form.FLOWDECK: _flowdeck,
    AlertRule.Form.SLACK: _slack,
    AlertRule.Form.TEAMS: _teams,
    AlertRule.Form.PAGERDUTY: _pagerduty,
}
