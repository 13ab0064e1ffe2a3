"""What an exporter sends, as spans: OTLP in JSON or protobuf. Nothing in it can be trusted.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flowdeck.connect.foreign_spans import Received, Value
from flowdeck.errors import FlowdeckError

MOST_SPANS = 5_000
"""Spans taken of one request."""
OURS = "flowdeck"
"""The instrumentation whose spans are not taken: pages show what they tell anyway."""
_KINDS = ("internal", "server", "client", "producer", "consumer")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 32_503_680_000 * 10**9  # nanoseconds of the year 3000
_TRACE_ID, _SPAN_ID = re.compile(r"(?!0{32})[0-9a-f]{32}"), re.compile(r"(?!0{16})[0-9a-f]{16}")
_LONGEST = 1_000  # characters of a text that anybody looks at
_MOST_ATTRIBUTES = 128
_LARGEST = 2**63


class Unreadable(FlowdeckError):
    """A request is no OTLP."""


class Sent(NamedTuple):
    """The spans of a request, and how many of it were not taken."""

    spans: list[Received]
    rejected: int


def from_json(body: bytes) -> Sent:
    """The spans of a request in JSON. Raises Unreadable."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("It is no JSON.") from error
    if not isinstance(found, dict):
        raise Unreadable("It is no JSON object.")
    return _taken(_in_json(found))


def from_protobuf(body: bytes) -> Sent:
    """The spans of a request in protobuf. Raises Unreadable, or ImportError without its package."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise Unreadable("It is no ExportTraceServiceRequest.") from error
    return _taken(_in_protobuf(request))


def answer_in_protobuf(rejected: int, why: str) -> bytes:
    """What is said to whoever sent a request in protobuf."""
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as protocol

    partly = protocol.ExportTracePartialSuccess(rejected_spans=rejected, error_message=why)
    found = protocol.ExportTraceServiceResponse(partial_success=partly if rejected else None)
    return bytes(found.SerializeToString())


def _taken(found: Iterator[Received | None]) -> Sent:
    spans, rejected = list[Received](), 0
    for one in found:
        if one is None or len(spans) == MOST_SPANS:
            rejected += 1
        else:
            spans.append(one)
    return Sent(spans, rejected)


def _in_protobuf(request: Any) -> Iterator[Received | None]:
    for resource in request.resource_spans:
        told = _told(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans if scope.scope.name != OURS else ():
                yield _span(
                    ids=(span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()),
                    service=told.get("service.name", ""),
                    name=span.name,
                    kind=span.kind,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    times=(span.start_time_unix_nano, span.end_time_unix_nano),
                    attributes=_told(span.attributes),
                )


def _told(attributes: Any) -> dict[str, Value]:
    found = dict[str, Value]()
    for one in attributes[:_MOST_ATTRIBUTES]:
        kind = one.value.WhichOneof("value")
        if kind is not None:
            found[one.key[:_LONGEST]] = _value(getattr(one.value, kind))
    return found


def _in_json(request: dict[str, Any]) -> Iterator[Received | None]:
    for resource in _objects(request, "resourceSpans"):
        told = _named(_object(resource, "resource"))
        for scope in _objects(resource, "scopeSpans"):
            if _object(scope, "scope").get("name") == OURS:
                continue
            for span in _objects(scope, "spans"):
                ids = [_text(span.get(n)).lower() for n in ("traceId", "spanId", "parentSpanId")]
                yield _span(
                    ids=(ids[0], ids[1], ids[2]),
                    service=told.get("service.name", ""),
                    name=_text(span.get("name")),
                    kind=_number(span.get("kind")),
                    failed=_number(_object(span, "status").get("code")) == 2,
                    times=(
                        _number(span.get("startTimeUnixNano")),
                        _number(span.get("endTimeUnixNano")),
                    ),
                    attributes=_named(span),
                )


def _named(owner: dict[str, Any]) -> dict[str, Value]:
    found = dict[str, Value]()
    for one in _objects(owner, "attributes")[:_MOST_ATTRIBUTES]:
        for kind, value in _object(one, "value").items():
            number = _number(value) if kind == "intValue" else value
            found[_text(one.get("key"))[:_LONGEST]] = _value(number)
    return found


def _span(
    *,
    ids: tuple[str, str, str],
    service: Value,
    name: str,
    kind: int,
    failed: bool,
    times: tuple[int, int],
    attributes: dict[str, Value],
) -> Received | None:
    """A span, or None for one that can't be placed: without its ids, or in no known time."""
    trace_id, span_id, parent_id = ids
    start, end = times
    known = _TRACE_ID.fullmatch(trace_id) and _SPAN_ID.fullmatch(span_id)
    if not known or not 0 < start < _LATEST:
        return None
    return Received(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id if _SPAN_ID.fullmatch(parent_id) else "",
        service=str(service)[:_LONGEST],
        name=name[:_LONGEST],
        kind=_KINDS[kind - 1] if 0 < kind <= len(_KINDS) else "",
        failed=failed,
        started_at=_moment(start),
        ended_at=_moment(min(max(start, end), _LATEST)),
        attributes=attributes,
    )


def _moment(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def _value(value: Any) -> Value:
    """What an attribute says, if that is a text or number; of all else that there is something."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bool, int)):
        return value
    return value[:_LONGEST] if isinstance(value, str) else "…"


def _objects(owner: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = owner.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _object(owner: dict[str, Any], name: str) -> dict[str, Any]:
    found = owner.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """A number as OTLP writes it in JSON: large ones as text. 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return value if type(value) is int and -_LARGEST < value < _LARGEST else 0
