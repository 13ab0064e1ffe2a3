"""Text that wants to be more than text, a row of every table full of it, and how to tell."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from flowdeck.models import Attempt, Due, Event, SavedView

MARKUP = (
    "\u202e\"'><script>alert(1)</script><img src=x onerror=alert(2)></template></hx-partial>"
    "<a href=javascript:alert(3)>{{ 7|add:7 }}{% load x %}\u2066"
)
FORMULA = '=HYPERLINK("http://evil.example","x")'
HUGE = MARKUP + "x" * 100_000
DEEP = 200  # levels of JSON
ORDER = 901  # beyond those of the demo's customers
_SKIPPED = (
    "Lane",
    "PersonalKey",
    "Stream",
    "Checkout",
    "LabRun",
    "Event",
    "Done",
    "Fold",
)


def fill(text: str) -> dict[str, Any]:
    """A row of every table with ``text`` in all that takes text, past all checks.

    Returns the person whose it all is, and what to put into addresses.
    """
    user = User.objects.create(
        username=text[:150],
        first_name=text[:150],
        last_name=text[:150],
        email=text[:254],
        is_superuser=True,
    )
    correlation, now = uuid4(), timezone.now()
    event = Event.objects.bulk_create(
        [
            Event(
                id=uuid4(),
                stream=text[:200],
                sequence=1,
                type=text[:100],
                version=1,
                data=_payload(text),
                metadata={text[:100]: text[:100]},
                key=text[:200],
                correlation_id=correlation,
                producer=text[:64],
                occurred_at=now,
                recorded_at=now,
            )
        ]
    )[0]
    event = Event.objects.get(id=event.id)
    made: dict[str, Any] = {"user": user, "event": event}
    for model in _models():
        made[model.__name__] = model.objects.create(**_row(model, text, made, correlation))
    return made


def values(made: dict[str, Any]) -> dict[str, Any]:
    """What to put into the placeholders of addresses, for the rows that :func:`fill` made."""
    event = made["event"]
    return {
        "position": event.position,
        "correlation_id": event.correlation_id,
        "order_id": ORDER,
        "number": 1,
        "fingerprint": "f",
        "proof": 1,
        "name": "Probed",
        "process": "mediator",
        "lesson": "ripple",
        "id": made["user"].pk,
        "stream": "probe-1",
        "flowdeck:letter number": made["Due"].letter,
        "app_label": "flowdeck",
        "url": "none",
        "content_type_id": 1,
        "object_id": 1,
        "admin:flowdeck_event_change object_id": event.position,
        "admin:flowdeck_deadletter_change object_id": made["Due"].letter,
        "admin:auth_user_change object_id": made["user"].pk,
    }


def nested(levels: int) -> Any:
    """JSON that is deep."""
    value: Any = MARKUP
    for _ in range(levels):
        value = [value]
    return value


class Page(HTMLParser):
    """Reads a page as browsers do and keeps what would run, or bring something from elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.harm: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in_script = tag == "script"
        if tag == "script" and not (given.get("src") or "").startswith(("/static/", "/admin/")):
            self.harm.append(f"<script> of {given.get('src')}")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.harm.append(f"<{tag} {name}>")
            if name in ("href", "src", "action") and _leaves(value or ""):
                self.harm.append(f"<{tag} {name}={(value or '')[:60]}>")

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.harm.append(f"script: {data[:60]}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def _leaves(address: str) -> bool:
    return address.strip().lower().startswith(("javascript:", "data:", "//")) or address == "x"


def _models() -> Iterator[Any]:
    found = {
        m.__name__: m
        for a in ("flowdeck", "events", "processors", "lab")
        for m in apps.get_app_config(a).get_models()
        if m._meta.managed and not m._meta.proxy
    }
    first = [found.pop(name) for name in ("Due", "Attempt")]
    yield from first
    yield from (model for name, model in found.items() if name not in _SKIPPED)


def _payload(text: str) -> Any:
    return {text[:300]: [text, {"a": text[:300]}], "deep": nested(DEEP), "status": text[:300]}


def _row(model: Any, text: str, made: dict[str, Any], correlation: UUID) -> dict[str, Any]:
    known: dict[Any, dict[str, Any]] = {
        Due: {"state": "dead", "fingerprint": "f", "event": made["event"], "letter": 1},
        Attempt: {
            "event": made["event"],
            "fingerprint": "f",
            "traceback": f'  File "{text[:50]}", line 1, in {text[:20]}\n    {text}',
        },
        SavedView: {"query": "type=Probed", "shared": True},
    }
    row = {
        field.name: _value(field, text, made, correlation)
        for field in model._meta.concrete_fields
        if not isinstance(field, models.AutoField)
    }
    return {**row, **known.get(model, {})}


def _value(field: Any, text: str, made: dict[str, Any], correlation: UUID) -> Any:
    if field.is_relation:
        name = field.related_model.__name__
        return made.get(name) or made.get(name.lower(), made["user"])
    if field.choices:
        return field.choices[0][0]
    kinds: dict[type, Any] = {
        models.UUIDField: correlation,
        models.JSONField: _json(field.name, text),
        models.DateTimeField: timezone.now(),
        models.DateField: timezone.now().date(),
        models.CharField: text[: field.max_length],
        models.TextField: text,
        models.BooleanField: False,
    }
    own = {"user_id": made["user"].pk, "order_id": ORDER}.get(field.name, 1)
    return next((value for kind, value in kinds.items() if isinstance(field, kind)), own)


def _json(name: str, text: str) -> Any:
    if name in ("items", "processors", "steps", "waiting"):
        return {
            "items": [{"sku": text[:40], "quantity": 1, "price": "1.00"}],
            "processors": [text[:64]],
        }.get(name, [])
    return {"stream": text[:200]} if name == "criteria" else {}
