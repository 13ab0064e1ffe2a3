"""``POST /otlp/v1/traces``: spans of other programs, by a token."""

from __future__ import annotations

import json
import zlib

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from flowdeck.connect import foreign_spans
from flowdeck.models import ApiToken
from flowdeck.otlp import decoding
from flowdeck.people import tokens
from flowdeck.people.access import can

MOST_BYTES = 2 * 1024 * 1024
"""Of a request, also of what it is once it is unpacked."""
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_SCOPES = (ApiToken.Scope.SPANS, ApiToken.Scope.FULL)


@csrf_exempt
@require_POST
def traces(request: HttpRequest) -> HttpResponse:
    """Keep the spans of an ExportTraceServiceRequest, each once.

    404 unless ``FLOWDECK["SPANS_KEPT_DAYS"]`` says for how long; 401 without a token for spans, or
    of full scope, of somebody who may publish events. All or none of a request are kept, but for
    those that can't be placed, which the answer counts.
    """
    if not foreign_spans.is_on():
        raise Http404("Spans are not taken here: FLOWDECK['SPANS_KEPT_DAYS'] is 0.")
    token = tokens.of_bearer(request.headers.get("Authorization", ""), _SCOPES)
    if token is None or not can(token.user, "publish_events"):
        said = "Send a bearer token for spans of somebody who may publish events."
        return _refused(401, said, {"WWW-Authenticate": "Bearer"})
    kind = request.content_type
    if kind not in (_JSON, _PROTOBUF):
        return _refused(415, f"Send {_PROTOBUF} or {_JSON}.")
    body = _unpacked(request)
    if body is None:
        said = f"It is no gzip, or more than {MOST_BYTES:,} bytes: send less at once."
        return _refused(413, said)
    try:
        sent = (decoding.from_json if kind == _JSON else decoding.from_protobuf)(body)
    except decoding.Unreadable as error:
        return _refused(400, str(error))
    except ImportError:
        return _refused(415, f"Send {_JSON}; {_PROTOBUF} needs flowdeck[otlp] here.")
    foreign_spans.keep(sent.spans)
    return _answer(kind, sent.rejected)


def _answer(kind: str, rejected: int) -> HttpResponse:
    why = f"They have no ids or times, or were more than {decoding.MOST_SPANS:,}." * bool(rejected)
    if kind == _JSON:
        told = {"rejectedSpans": str(rejected), "errorMessage": why} if rejected else {}
        return HttpResponse(json.dumps({"partialSuccess": told} if told else {}), content_type=kind)
    return HttpResponse(decoding.answer_in_protobuf(rejected, why), content_type=kind)


def _unpacked(request: HttpRequest) -> bytes | None:
    """The body, unpacked; None if it is too large or packed in a way that nobody knows."""
    body = request.read(MOST_BYTES + 1)
    packing = request.headers.get("Content-Encoding", "identity")
    if packing == "gzip":
        unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            body = unpacking.decompress(body, MOST_BYTES + 1)
        except zlib.error:
            return None
        if not unpacking.eof:
            return None
    elif packing != "identity":
        return None
    return body if len(body) <= MOST_BYTES else None


def _refused(status: int, said: str, headers: dict[str, str] | None = None) -> HttpResponse:
    kind = "text/plain; charset=utf-8"
    return HttpResponse(f"{said}\n", status=status, content_type=kind, headers=headers or {})
