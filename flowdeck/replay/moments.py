"""Read models at a past moment: the rows that a replay up to a position built, kept with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from flowdeck.models import ReplayRun
from flowdeck.replay.differences import natural_key

ROWS_KEPT = 200
"""Rows of a read model that a run keeps: the first by what names them."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value then and at the other moment; None where there was no such row."""

    then: str | None
    other: str | None

    @property
    def changed(self) -> bool:
        """Whether the two moments differ in it."""
        return self.then != self.other


@dataclass(frozen=True, slots=True)
class Line:
    """One row at both moments, by the columns of its table."""

    name: str
    cells: tuple[Cell, ...]
    there_then: bool
    there_other: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One read model at two moments. ``rows`` is how many it had then, ``lines`` the first."""

    label: str
    rows: int
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def changed(self) -> int:
        """How many of the lines differ."""
        return sum(any(cell.changed for cell in line.cells) for line in self.lines)


def built(model: type[models.Model]) -> dict[str, Any]:
    """What a replay built of ``model`` on this connection, as kept with the run."""
    rows = model._default_manager.order_by(*_key(model))
    first = [_plain(row) for row in rows.values(*_names(model))[:ROWS_KEPT]]
    return {"model": model._meta.label, "rows": rows.count(), "first": first}


def tables(run: ReplayRun, other: ReplayRun | None = None) -> list[Table]:
    """The read models of a preview beside those of another one, or beside what is live now."""
    reports = {r["model"]: r for r in other.result.get("models", ())} if other else {}
    return [_table(report, reports if other else None) for report in run.result.get("models", ())]


def _table(report: Mapping[str, Any], others: Mapping[str, Any] | None) -> Table:
    label, then = report["model"], report["first"]
    try:
        model = apps.get_model(label)
    except LookupError:  # a model of before
        return Table(label, report["rows"], (), ())
    if others is None:
        now = _live(model, then, complete=report["rows"] <= ROWS_KEPT)
    else:
        now = others.get(label, {"first": []})["first"]
    key = _key(model)
    columns = tuple(name for name in _names(model) if name not in key)
    lines = _lines(key, columns, then, now)
    return Table(label, report["rows"], columns, tuple(lines))


def _lines(
    key: Sequence[str], columns: Sequence[str], then: Sequence[Row], now: Sequence[Row]
) -> list[Line]:
    before = {tuple(row[name] for name in key): row for row in then}
    after = {tuple(row[name] for name in key): row for row in now}
    return [
        Line(
            " / ".join(named),
            tuple(Cell(_of(before, named, name), _of(after, named, name)) for name in columns),
            named in before,
            named in after,
        )
        for named in dict.fromkeys((*before, *after))
    ]


def _of(rows: Mapping[tuple[str, ...], Row], named: tuple[str, ...], column: str) -> str | None:
    return rows[named][column] if named in rows else None


def _live(model: type[models.Model], then: Sequence[Row], *, complete: bool) -> list[Row]:
    """The live rows of the same names; if all that was there then is kept, what is new as well."""
    key = _key(model)
    rows = model._default_manager.order_by(*key)
    if not complete or rows[: ROWS_KEPT + 1].count() > ROWS_KEPT:
        rows = rows.filter(**{f"{key[0]}__in": [row[key[0]] for row in then]})
    return [_plain(row) for row in rows.values(*_names(model))[: 2 * ROWS_KEPT]]


def _names(model: type[models.Model]) -> list[str]:
    fields = model._meta.concrete_fields
    return [field.name for field in fields if not isinstance(field, models.AutoField)]


def _key(model: type[models.Model]) -> list[str]:
    return [field.name for field in natural_key(model)]


def _plain(row: Mapping[str, Any]) -> Row:
    return {name: "" if value is None else str(value) for name, value in row.items()}
