"""Spans of OpenTelemetry around what is published and handled, if the project has chosen an SDK.

An event carries the ``traceparent`` (W3C Trace Context) of the span that published it in its
metadata, so that its handling belongs to the same distributed trace, in whichever process. Names
and attributes are those of OpenTelemetry's conventions for messaging; a batch is one span with
links. Without an SDK nothing is recorded, and what comes in with a ``traceparent`` hands it on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from flowdeck.declare.event import Delivery

KEY = "traceparent"
"""The name in metadata, in CloudEvents and in the headers of a broker."""
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_tracer = trace.get_tracer("flowdeck")


def on() -> bool:
    """Whether the project has chosen an SDK, which may record spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def carried() -> str:
    """The ``traceparent`` of the current span; empty if there is none."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return ""
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def checked(text: Any) -> str:
    """``text`` if it is a ``traceparent``, else nothing: it comes from anywhere."""
    return text if isinstance(text, str) and _span_of(text) is not None else ""


def trace_id(metadata: Mapping[str, Any]) -> str:
    """The distributed trace that an event belongs to: 32 hex digits, or nothing."""
    return checked(metadata.get(KEY))[3:35]


def publishing(types: Sequence[str]) -> AbstractContextManager[str]:
    """A span for publishing events of these types; gives the ``traceparent`` that they carry."""
    return _publishing(types) if on() else nullcontext(carried())


@contextmanager
def _publishing(types: Sequence[str]) -> Iterator[str]:
    attributes = {**_named("publish", "send", types), "messaging.batch.message_count": len(types)}
    with _tracer.start_as_current_span(
        _title("publish", types), kind=SpanKind.PRODUCER, attributes=attributes
    ):
        yield carried()


@contextmanager
def handling(deliveries: Sequence[Delivery]) -> Iterator[None]:
    """A span for the handling of deliveries to one processor, which what they emit carries.

    It belongs to the trace of what it handles; that of a batch is one of its own, with links.
    """
    first = deliveries[0]
    envelopes = [one.envelope for one in deliveries]
    causes = [found for one in envelopes if (found := _span_of(one.metadata.get(KEY))) is not None]
    attributes: dict[str, Any] = {
        **_named("process", "process", [one.type for one in envelopes]),
        "messaging.consumer.group.name": first.processor,
        "messaging.flowdeck.attempt": first.attempt,
    }
    parent, links = Context(), [Link(cause) for cause in causes]
    if len(envelopes) > 1:
        attributes["messaging.batch.message_count"] = len(envelopes)
    else:
        attributes["messaging.message.id"] = str(envelopes[0].id)
        attributes["messaging.message.conversation_id"] = str(envelopes[0].correlation_id)
        attributes["messaging.flowdeck.stream"] = envelopes[0].stream
        attributes["messaging.flowdeck.position"] = envelopes[0].position
        if causes:
            parent = trace.set_span_in_context(trace.NonRecordingSpan(causes[0]), parent)
    with _tracer.start_as_current_span(
        _title("process", [one.type for one in envelopes]),
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        links=links,
    ):
        told = carried()
        for one in deliveries:
            one.traceparent = told
        yield


def _named(name: str, kind: str, types: Sequence[str]) -> dict[str, Any]:
    several = sorted(set(types))
    return {
        "messaging.system": "flowdeck",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": several[0] if len(several) == 1 else "events",
    }


def _title(verb: str, types: Sequence[str]) -> str:
    several = set(types)
    return f"{verb} {several.pop() if len(several) == 1 else 'events'}"


def _span_of(text: Any) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    ids = (int(found[1], 16), int(found[2], 16))
    span = SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(int(found[3], 16)))
    return span if span.is_valid else None
