"""The audit: who did what, when and why; to read and to export."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse

from flowdeck import parsing
from flowdeck.dashboard.shell.download import download
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.models import AuditEntry
from flowdeck.models.user_name import LONGEST_USER_NAME

PAGE = 100
_FILTERS = {"who": LONGEST_USER_NAME, "action": 40, "target": 300, "allowed": 3}
_CHUNK = 1_000
_FORMULAS = tuple("=+-@\t\r")
_EXPORTED = ("id", "at", "who", "action", "target", "count", "reason", "allowed")


@requires("view_audit")
def audit(request: HttpRequest) -> HttpResponse:
    """A page of the audit, newest first. ``?who=``, ``?action=``, ``?target=``, ``?allowed=no``."""
    chosen = _chosen(request.GET)
    before = parsing.number(request.GET.get("before", ""))
    if before is not None:
        chosen = chosen.filter(id__lt=before)
    found = list(chosen[: PAGE + 1])
    rows = found[:PAGE]
    query = QueryDict(mutable=True)
    query.update({name: request.GET[name] for name in _FILTERS if request.GET.get(name)})
    context = {
        "rows": rows,
        "who": request.GET.get("who", ""),
        "action": request.GET.get("action", ""),
        "target": request.GET.get("target", ""),
        "allowed": request.GET.get("allowed", ""),
        "query": query.urlencode(),
        "older": rows[-1].pk if len(found) > PAGE else None,
    }
    return render(request, "flowdeck/audit/page.html", context)


@requires("view_audit")
def export(request: HttpRequest) -> StreamingHttpResponse:
    """All entries that fit, oldest first, as CSV or with ``?form=jsonl`` as JSON lines."""
    form = "jsonl" if request.GET.get("form") == "jsonl" else "csv"
    kind, lines = _FORMS[form]
    rows = _rows(_chosen(request.GET))
    return download(request, lines(rows), kind=kind, name=f"audit.{form}")


def _rows(chosen: QuerySet[AuditEntry]) -> Iterator[tuple[Any, ...]]:
    """Chunk by chunk, so that no cursor stays open while somebody reads slowly."""
    last = 0
    while True:
        rows = list(chosen.filter(id__gt=last).order_by("id").values_list(*_EXPORTED)[:_CHUNK])
        yield from rows
        if len(rows) < _CHUNK:
            return
        last = rows[-1][0]


class _Echo:
    """What the CSV writer writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(_EXPORTED)
    for row in rows:
        yield writer.writerow([_harmless(value) for value in row])


def _json_lines(rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    for row in rows:
        entry = dict(zip(_EXPORTED, row, strict=True))
        yield json.dumps({**entry, "at": entry["at"].isoformat()}) + "\n"


_FORMS = {"csv": ("text/csv", _lines), "jsonl": ("application/jsonl", _json_lines)}


def _harmless(value: Any) -> str:
    # A spreadsheet takes text that begins like this for a formula.
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _chosen(query: QueryDict) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.order_by("-id")
    for name, longest in _FILTERS.items():
        value = query.get(name, "")
        if value and "\x00" not in value and name != "allowed":
            found = found.filter(**{name: value[:longest]})
    if query.get("allowed") in ("yes", "no"):
        found = found.filter(allowed=query["allowed"] == "yes")
    return found
