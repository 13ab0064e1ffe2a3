"""Spans: one distributed trace from who publishes to what the last handler emits, over a broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from flowdeck import Draft, publish, spans
from flowdeck.models import Attempt, Event
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)

FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What is recorded, as if the project had set an SDK up."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(spans, "_tracer", provider.get_tracer("flowdeck"))
    yield exporter
    provider.shutdown()


def by_name(recorded: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [one for one in recorded.get_finished_spans() if one.name == name]


def traceparent(event: Event) -> str:
    return str(event.metadata.get("traceparent", ""))


def test_who_publishes_and_who_handles_are_one_trace(recorded: InMemorySpanExporter) -> None:
    with spans._tracer.start_as_current_span("GET /somewhere") as request:
        publish(Probed(n=1, echoes=1), stream="probe-1")
    settle()
    (published,) = by_name(recorded, "publish Probed")
    handled = by_name(recorded, "process Probed")
    assert published.parent is not None
    assert published.parent.span_id == request.get_span_context().span_id
    assert published.kind is SpanKind.PRODUCER
    assert {one.context.trace_id for one in handled} == {request.get_span_context().trace_id}
    assert {one.parent.span_id for one in handled if one.parent} == {published.context.span_id}
    assert all(one.kind is SpanKind.CONSUMER for one in handled)
    told = handled[0].attributes
    assert told is not None
    event = Event.objects.get(type="Probed")
    assert told["messaging.message.id"] == str(event.id)
    assert told["messaging.flowdeck.position"] == event.position
    echoes = Event.objects.filter(type="Echoed")
    trace_ids = {spans.trace_id(one.metadata) for one in echoes}
    assert trace_ids == {f"{request.get_span_context().trace_id:032x}"}
    emitting = {f"{one.context.span_id:016x}" for one in handled}
    assert {traceparent(one).split("-")[2] for one in echoes} <= emitting


def test_a_failure_is_on_its_span(recorded: InMemorySpanExporter) -> None:
    publish(Probed(n=1, fails=1, by="probe.atomic"), stream="probe-1")
    settle()
    failed = [one for one in by_name(recorded, "process Probed") if not one.status.is_ok]
    failing = {one.attributes["messaging.consumer.group.name"] for one in failed if one.attributes}
    assert failing == {"probe.atomic"}
    assert failed[0].events[0].attributes["exception.message"] == Attempt.objects.get().message


def test_a_batch_is_one_span_with_links(recorded: InMemorySpanExporter) -> None:
    for n in range(3):
        publish(Probed(n=n), stream=f"probe-{n}")
    settle()
    published = {one.context.span_id for one in by_name(recorded, "publish Probed")}
    (batch,) = [
        one
        for one in by_name(recorded, "process Probed")
        if one.attributes and one.attributes["messaging.consumer.group.name"] == "probe.batch"
    ]
    assert {link.context.span_id for link in batch.links} == published
    assert batch.parent is None
    assert len(published) == 3


def test_without_an_sdk_nothing_is_carried_but_what_came_is_handed_on() -> None:
    publish(Probed(n=1, echoes=1), stream="probe-1")
    carrying = Draft(Probed(n=2, echoes=1), stream="probe-2", traceparent=FOREIGN)
    publish(carrying)
    settle()
    told = {one.stream: traceparent(one) for one in Event.objects.filter(type="Echoed")}
    assert told == {"probe-1": "", "probe-2": FOREIGN}


@pytest.mark.parametrize("text", ["", "00-0-0-00", FOREIGN.upper(), f"{FOREIGN}x", 7, None])
def test_what_is_no_traceparent_is_not_carried(text: Any) -> None:
    assert spans.checked(text) == ""
    assert spans.checked(FOREIGN) == FOREIGN


def test_its_trace_leads_to_the_spans(settings: Any) -> None:
    address = "https://tracing.example.org/trace/{trace_id}"
    settings.FLOWDECK = {**settings.FLOWDECK, "TRACE_URL": address}
    receipt = publish(Draft(Echoed(n=1, by=""), stream="probe-1", traceparent=FOREIGN))
    other = publish(Echoed(n=1, by=""), stream="probe-2")
    client = signed_in(person("operator"))
    page = client.get(f"/traces/{receipt.correlation_id}/").content.decode()
    assert "https://tracing.example.org/trace/0af7651916cd43dd8448eb211c80319c" in page
    assert (
        "tracing.example.org" not in client.get(f"/traces/{other.correlation_id}/").content.decode()
    )
