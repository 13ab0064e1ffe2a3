"""The audit: who did what, when and why; to read and to export."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render

from events.dashboard.page import requires
from events.models import AuditEntry

PAGE = 100
_EXPORTED = ("id", "at", "who", "action", "target", "count", "reason", "allowed")


@requires("view_audit")
def audit(request: HttpRequest) -> HttpResponse:
    """A page of the audit, newest first. ``?who=``, ``?action=``, ``?before=<id>``."""
    chosen = _chosen(request.GET)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        chosen = chosen.filter(id__lt=int(before))
    found = list(chosen[: PAGE + 1])
    rows = found[:PAGE]
    query = QueryDict(mutable=True)
    query.update({name: request.GET[name] for name in ("who", "action") if request.GET.get(name)})
    context = {
        "rows": rows, "who": request.GET.get("who", ""), "action": request.GET.get("action", ""),
        "query": query.urlencode(), "older": rows[-1].pk if len(found) > PAGE else None,
    }  # fmt: skip
    return render(request, "events/audit/page.html", context)


@requires("view_audit")
def export(request: HttpRequest) -> StreamingHttpResponse:
    """All entries that fit, as CSV, oldest first."""
    rows = _chosen(request.GET).order_by("id").values_list(*_EXPORTED).iterator(1000)
    answer = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


class _Echo:
    """What the CSV writer writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(_EXPORTED)
    for row in rows:
        yield writer.writerow([_harmless(value) for value in row])


def _harmless(value: Any) -> str:
    # A spreadsheet takes text that begins like this for a formula.
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


def _chosen(query: QueryDict) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.order_by("-id")
    for name in ("who", "action"):
        value = query.get(name, "")
        if value and "\x00" not in value:
            found = found.filter(**{name: value[:150]})
    return found
