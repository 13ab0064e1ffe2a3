"""Spans that other programs send over OTLP are seen beside ours in a trace, masked."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from flowdeck import clock, publish, spans
from flowdeck.connect import foreign_spans
from flowdeck.dashboard.trace.live import TraceView
from flowdeck.models import ApiToken, AuditEntry, Event, ForeignSpan
from flowdeck.otlp import decoding, views
from flowdeck.people import tokens
from tests import hostile
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/otlp/v1/traces"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def taken(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "SPANS_KEPT_DAYS": 7}


@pytest.fixture
def token() -> str:
    return tokens.issue(person("admin"), scope=ApiToken.Scope.SPANS)


def span(n: int = 1, **more: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp() * 1e9)
    return {
        "traceId": TRACE,
        "spanId": f"{n:016x}",
        "name": f"span {n}",
        "kind": 2,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 5_000_000),
        **more,
    }


def sent(token: str, *spans: dict[str, Any], scope: str = "", **headers: str) -> Any:
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "crm"}}]}
    told = {"resource": service, "scopeSpans": [{"scope": {"name": scope}, "spans": spans}]}
    return posted(token, json.dumps({"resourceSpans": [told]}).encode(), **headers)


def posted(token: str, body: bytes, kind: str = "application/json", **headers: str) -> Any:
    given = {"Authorization": f"Bearer {token}", **headers} if token else headers
    return Client(enforce_csrf_checks=True).post(PATH, body, content_type=kind, headers=given)


def in_trace(traceparent: str = f"00-{TRACE}-{PARENT}-01") -> str:
    """A trace of ours that goes on from a span of theirs."""
    with spans.trace.use_span(spans.trace.NonRecordingSpan(spans._span_of(traceparent))):  # type: ignore[arg-type]
        return str(publish(Probed(n=1), stream="a").correlation_id)


def words(client: Client, name: str) -> str:
    page = client.get(f"/traces/{name}/").content.decode()
    assert hostile.Page(page).harm == []
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def exporter(live_server: Any, token: str) -> Iterator[TracerProvider]:
    """The official one, as another service has it."""
    provider = TracerProvider(resource=Resource({"service.name": "crm"}))
    sending = OTLPSpanExporter(
        endpoint=f"{live_server.url}{PATH}",
        headers={"authorization": f"Bearer {token}"},
        compression=Compression.Gzip,
    )
    provider.add_span_processor(SimpleSpanProcessor(sending))
    yield provider
    provider.shutdown()


def test_what_the_official_exporter_sends_stands_beside_ours(exporter: TracerProvider) -> None:
    tracer, client = exporter.get_tracer("requests"), signed_in(person("operator"))
    with tracer.start_as_current_span("GET /customers", kind=SpanKind.SERVER) as outer:
        outer.set_attribute("http.request.method", "GET")
        outer.set_attribute("http.response.status_code", 200)
        outer.set_attribute("user.email", "ada@example.org")
        with tracer.start_as_current_span("SELECT customers", kind=SpanKind.CLIENT) as inner:
            inner.set_status(StatusCode.ERROR)
        name = str(publish(Probed(n=1), stream="a").correlation_id)
    assert ForeignSpan.objects.count() == 2
    shown = client.get(f"/traces/{name}/").content.decode()
    tree = shown[shown.index('role="tree"') :]
    assert re.search(r'aria-level="1".*?GET /customers.*?crm, server', tree, re.DOTALL)
    assert re.search(r'aria-level="2".*?SELECT customers.*?crm, client.*?failed', tree, re.DOTALL)
    assert "http.request.method: GET, http.response.status_code: 200" in tree
    assert "user.email: ••••" in tree
    assert "ada" not in shown
    assert 'class="b-span"' in shown
    assert set_span_in_context(outer) is not None


def test_each_is_kept_once_and_its_texts_are_masked_and_shown_as_text(token: str) -> None:
    odd = {"key": "http.route", "value": {"stringValue": f"/a/{hostile.MARKUP}"}}
    mail = {"key": "url.full", "value": {"stringValue": "https://x/?q=ada@example.org"}}
    told = span(1, name=f"{hostile.MARKUP}\x00 of bob@example.org, +49 170 1234567")
    told["attributes"] = [odd, mail]
    for _ in range(2):
        assert sent(token, told, span(2, parentSpanId=f"{1:016x}")).json() == {}
    assert ForeignSpan.objects.count() == 2
    kept = " ".join(map(str, ForeignSpan.objects.values_list("name", "attributes")))
    assert not re.search(r"bob|ada|1234567", kept)
    shown = words(signed_in(person("operator")), in_trace())
    assert "alert(1)" in shown
    assert "span 2" in shown


def test_who_goes_round_and_what_is_ours_harms_nothing(token: str) -> None:
    circle = [span(1, parentSpanId=f"{2:016x}"), span(2, parentSpanId=f"{1:016x}")]
    far = span(3, startTimeUnixNano="1", endTimeUnixNano=str(2**62))
    sent(token, *circle, far, span(4, parentSpanId=f"{4:016x}"))
    sent(token, span(5), scope=decoding.OURS)
    shown = words(signed_in(person("operator")), in_trace())
    assert [f"span {n}" in shown for n in range(1, 6)] == [True, True, True, True, False]


def test_who_may_send(settings: Any) -> None:
    admin = person("admin")
    for scope, status in (("span", 200), ("full", 200), ("send", 401), ("read", 401)):
        token = tokens.issue(admin, scope=scope)
        assert sent(token, span()).status_code == status, scope
    assert sent(tokens.issue(person("operator")), span()).status_code == 401
    assert sent("", span()).status_code == 401
    assert sent("fd_guessed", span()).status_code == 401
    # Such a token does nothing else, nor is one of events good for figures.
    for scope, path in (("span", "/api/v1/connectors"), ("span", "/metrics"), ("send", "/metrics")):
        headers = {"Authorization": f"Bearer {tokens.issue(admin, scope=scope)}"}
        assert Client().get(path, headers=headers).status_code in (401, 403), (scope, path)
    assert AuditEntry.objects.filter(action="use_token", allowed=False).count() == 1
    settings.FLOWDECK = {**settings.FLOWDECK, "SPANS_KEPT_DAYS": 0}
    assert sent(tokens.issue(admin), span()).status_code == 404


def test_what_is_too_much_or_no_otlp_is_refused(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b" " * (views.MOST_BYTES + 1)
    bomb = gzip.compress(b" " * (views.MOST_BYTES * 20))
    for status, body, headers in (
        (413, large, {}),
        (413, bomb, {"Content-Encoding": "gzip"}),
        (413, b"no gzip", {"Content-Encoding": "gzip"}),
        (413, b"{}", {"Content-Encoding": "br"}),
        (400, b"\xff", {}),
        (400, b"[]", {}),
        (400, b"[" * 100_000, {}),
    ):
        assert posted(token, body, **headers).status_code == status, body[:20]
    assert posted(token, b"\xff\xff", "application/x-protobuf").status_code == 400
    assert posted(token, b"{}", "text/plain").status_code == 415
    for odd in ({"resourceSpans": 1}, {"resourceSpans": [1, {"scopeSpans": {}}]}, {}):
        assert posted(token, json.dumps(odd).encode()).json() == {}
    wrong = [
        span(traceId="0" * 32),
        span(spanId="xyz"),
        span(startTimeUnixNano="soon"),
        span(startTimeUnixNano=str(2**63)),
        {"name": None, "attributes": [None, {"key": 1, "value": {"kvlistValue": {}}}]},
    ]
    answer = sent(token, *wrong, span())
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "5"
    assert ForeignSpan.objects.count() == 1
    monkeypatch.setattr(decoding, "MOST_SPANS", 2)
    many = sent(token, *[span(n) for n in range(10, 14)])
    assert many.json()["partialSuccess"]["rejectedSpans"] == "2"


def test_they_are_kept_for_so_long_and_so_many(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(token, *[span(n) for n in range(1, 6)])
    first = ForeignSpan.objects.earliest("pk")
    ForeignSpan.objects.filter(pk=first.pk).update(received_at=clock.now() - timedelta(days=8))
    monkeypatch.setattr(foreign_spans, "MOST_KEPT", 3)
    foreign_spans.forget_old()
    kept = ForeignSpan.objects.order_by("pk").values_list("name", flat=True)
    assert list(kept) == ["span 3", "span 4", "span 5"]


def test_an_open_page_learns_of_them_and_off_they_cost_nothing(token: str, settings: Any) -> None:
    name = in_trace()
    view = TraceView(None, name)
    view.regions()
    view._under_way = False
    assert list(TraceView.stale([view])) == []
    sent(token, span())
    assert list(TraceView.stale([view])) == [view]
    assert "span 1" in "".join(one.html for one in view.regions())
    view._under_way = False
    assert list(TraceView.stale([view])) == []
    settings.FLOWDECK = {**settings.FLOWDECK, "SPANS_KEPT_DAYS": 0}
    with CaptureQueriesContext(connection) as asked:
        html = "".join(one.html for one in TraceView(None, name).regions())
    assert "span 1" not in html
    assert not [one for one in asked.captured_queries if "foreignspan" in one["sql"]]
    assert Event.objects.count() == 1
