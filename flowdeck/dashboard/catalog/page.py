"""The catalog: what each event is, who produces it and who listens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from flowdeck.dashboard.catalog.rows import CatalogRow, catalog_rows, lock_state, query_of
from flowdeck.dashboard.catalog.schema_fields import SchemaField, example_of, fields_of
from flowdeck.dashboard.catalog.seen import NEWEST, Seen, seen_versions
from flowdeck.dashboard.catalog.versions import TypeHistory, history_of
from flowdeck.dashboard.catalog.ways import Ways, ways_between
from flowdeck.dashboard.event.tokens import Token, tokens
from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.declare.upcasting import readable
from flowdeck.models import Event
from flowdeck.privacy.masking import masked
from flowdeck.privacy.sealing import gone


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a type, and what the log shows of it; nothing if none is stored."""

    version: int
    seen: Seen | None
    current: bool
    readable: bool

    @property
    def count(self) -> int:
        """How many of the newest events have it."""
        return self.seen.count if self.seen else 0


@dataclass(frozen=True, slots=True)
class CatalogDetail:
    """One type whole. ``example`` is the newest event, None if the payload is made up.

    ``history`` is None for a type that is not declared.
    """

    row: CatalogRow
    fields: list[SchemaField]
    schema: list[Token]
    example: Event | None
    data: list[Token]
    versions: list[StoredVersion]
    history: TypeHistory | None
    ways: Ways

    @property
    def bridged(self) -> bool:
        """Whether every version there was can be brought to the declared one."""
        return self.row.declared is not None and readable(self.row.declared, 1)

    @property
    def lost(self) -> list[StoredVersion]:
        """Stored versions that can't be read."""
        return [one for one in self.versions if one.seen and not one.readable]


@requires("view_log")
def catalog(request: HttpRequest) -> HttpResponse:
    """All event types; with ``?q=`` those that have each of its words."""
    return render(request, "flowdeck/catalog/page.html", _list(request))


@requires("view_log")
def event_type(request: HttpRequest, name: str) -> HttpResponse:
    """One event type, beside the list of all, which ``?q=`` narrows."""
    context = _list(request)
    row = next((row for row in context["rows"] if row.name == name), None)
    if row is None:
        raise Http404(f"No event type {name!r} is declared or was seen lately.")
    context |= {"detail": _detail(row), "counted": NEWEST, "lock": lock_state()}
    return render(request, "flowdeck/catalog/type.html", context)


def _list(request: HttpRequest) -> dict[str, Any]:
    query = query_of(request.GET.get("q", ""))
    rows = catalog_rows(query)
    return {"rows": rows, "q": query, "shown": sum(not row.hidden for row in rows)}


def _detail(row: CatalogRow) -> CatalogDetail:
    schema = row.declared.cls.model_json_schema() if row.declared else {}
    position = row.status.last_position
    example = Event.objects.filter(position=position).first() if position else None
    data = (
        masked(example.type, example.data, gone([example.data])) if example else example_of(schema)
    )
    history = history_of(row.declared)
    return CatalogDetail(
        row=row,
        fields=fields_of(schema, history.past.told if history else {}),
        schema=_coloured(schema),
        example=example,
        data=_coloured(data),
        versions=_versions(row),
        history=history,
        ways=ways_between(len(row.status.producers), len(row.consumers)),
    )


def _coloured(value: Any) -> list[Token]:
    return list(tokens(json.dumps(value, indent=2, ensure_ascii=False)))


def _versions(row: CatalogRow) -> list[StoredVersion]:
    seen = seen_versions(row.name)
    current = row.declared.version if row.declared else None
    return [
        StoredVersion(
            version,
            seen.get(version),
            version == current,
            row.declared is not None and readable(row.declared, version),
        )
        for version in sorted({*seen, *([current] if current else [])}, reverse=True)
    ]
