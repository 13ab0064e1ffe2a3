"""Payloads, names and errors are untrusted text: they are shown, never run."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from flowdeck import publish
from flowdeck.live.changes import Changes
from flowdeck.live.views import find
from flowdeck.models import Attempt, Delivery, Event
from tests.deliveries import store
from tests.probe.events import Echoed, Probed

SCRIPT = '<script>alert("x")</script>'
TEXTS = [
    SCRIPT,
    "'\"><img src=x onerror=alert(1)>",
    "</template></hx-partial><b>",
    "{{ 77777|add:1 }}",
    "{% load x %}",
    "\u202egnp.exe",
    "x" * 5000,
    "<hx-partial hx-target='body'>",
    "\N{ROCKET}" * 60,
]
# The others differ less: what takes long brings them too.
HOSTILE = [
    pytest.param(text, marks=() if text in (SCRIPT, TEXTS[1], TEXTS[3]) else pytest.mark.long)
    for text in TEXTS
]


def hostile_event(text: str) -> Event:
    """An event whose every text is hostile, written past all checks."""
    now = timezone.now()
    Event.objects.bulk_create(
        [
            Event(
                id=uuid4(),
                stream=text[:200],
                sequence=1,
                type=text[:100],
                version=1,
                data={text: [text, {"a": text}], "n": 1},
                key=text[:200],
                correlation_id=uuid4(),
                producer=text[:64],
                occurred_at=now,
                recorded_at=now,
            )
        ]
    )
    event = Event.objects.get()
    delivery = store(
        event=event,
        processor=text[:64],
        key=text[:200],
        slot=1,
        state="dead",
        attempts=1,
        started_at=now,
        finished_at=now,
    )
    Attempt.objects.create(
        delivery=delivery,
        number=1,
        outcome="failed",
        error=text[:200],
        message=text,
        traceback=f'  File "{text[:50]}", line 1, in {text[:20]}\n    {text}',
        frame=text[:300],
        fingerprint="f",
        worker=text[:100],
        started_at=now,
        finished_at=now,
    )
    return event


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_every_page_shows_it_as_text(operator: Client, text: str) -> None:
    event = hostile_event(text)
    delivery = Delivery.objects.get()
    trace = f"/traces/{event.correlation_id}/"
    for url in (
        "/events/",
        f"/events/{event.position}/",
        f"/events/?selected={event.position}",
        "/traces/",
        trace,
        f"{trace}?delivery={delivery.name}&attempt=1",
        "/processors/",
    ):
        response = operator.get(url)
        assert response.status_code == 200
        assert_harmless(response.content.decode())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_live_fragments_show_it_as_text(db: None, text: str) -> None:
    event = hostile_event(text)
    for name in ("log", "traces", f"trace:{event.correlation_id}", "processors"):
        found = find(name)
        assert found is not None
        view = found.view(None, found.argument)
        html = "".join(f.html for f in [*view.regions(), *view.patch(Changes(unknown=True))])
        assert_harmless(html)
        assert html.count("<hx-partial") == html.count("</hx-partial>")


def test_filters_give_back_what_was_typed_as_text(operator: Client) -> None:
    for name in ("type", "stream", "producer", "correlation", "before", "selected"):
        response = operator.get("/events/", {name: SCRIPT})
        assert_harmless(response.content.decode())


def test_values_of_all_kinds_are_shown_in_full(operator: Client) -> None:
    publish(Probed(n=2**53, by="Ünï <b>"), Echoed(n=-1, by='q"uote\\'), stream="probe-1")
    for event in Event.objects.all():
        page = operator.get(f"/events/{event.position}/").content.decode()
        assert_harmless(page)
    assert (
        "9007199254740992"
        in operator.get(f"/events/{Event.objects.first().position}/").content.decode()
    )  # type: ignore[union-attr]


def assert_harmless(html: str) -> None:
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "</hx-partial><b>" not in html
    assert "<hx-partial hx-target='body'" not in html
    assert "onerror=alert" not in re.sub(r"onerror=alert\(1\)(&gt;|%3E)", "", html)
    assert "77778" not in html
