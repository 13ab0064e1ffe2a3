"""Spans of other programs: kept for some days, masked before they are, and found by their trace.

What they say of people can't be known. So of their attributes only those keep their values that
the conventions of OpenTelemetry use for what is no person: methods, routes, status codes, names of
systems. In names and in these values, what looks like an address of mail or a long number is
masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.models import ForeignSpan
from flowdeck.privacy.masking import MASK

MOST_KEPT = 500_000
"""Spans kept, and those of the last minute."""
MOST_SHOWN = 200
"""Spans shown of one trace."""
_MOST_ATTRIBUTES = 32
_LONGEST_VALUE = 200
_AT_ONCE = 20_000
_PERSONAL = re.compile(
    r"(?<![^\s/?&=])[^\s/?&=]*(?:@|%40)[^\s/?&=]*|\+?\d[\d\s.-]{5,}\d"  # once for each word
)
_HARMLESS = frozenset(
    f"{group}.{name}"
    for group, names in {
        "http": "method route status_code request.method response.status_code",
        "url": "scheme",
        "server": "address port",
        "network": "protocol.name protocol.version",
        "db": "system system.name operation operation.name namespace collection.name name",
        "messaging": "system operation operation.name operation.type destination.name "
        "batch.message_count consumer.group.name",
        "rpc": "system service method grpc.status_code",
        "error": "type",
        "exception": "type",
        "code": "function.name",
        "celery": "action state",
    }.items()
    for name in names.split()
)
Value = str | int | float | bool


class Received(NamedTuple):
    """A span as it was sent, its ids and times checked, its texts not."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    failed: bool
    started_at: datetime
    ended_at: datetime
    attributes: Mapping[str, Value]


def is_on() -> bool:
    """Whether spans of others are taken and shown."""
    return conf().SPANS_KEPT_DAYS > 0


def keep(received: Sequence[Received]) -> None:
    """Write them, each once however often it is sent; one query for 500."""
    now = clock.now()
    ForeignSpan.objects.bulk_create(
        (
            ForeignSpan(
                trace_id=one.trace_id,
                span_id=one.span_id,
                parent_id=one.parent_id,
                service=_text(one.service, 100),
                name=_text(one.name, 200),
                kind=one.kind,
                failed=one.failed,
                started_at=one.started_at,
                ended_at=one.ended_at,
                attributes=json.dumps(_masked(one.attributes)),
                received_at=now,
            )
            for one in received
        ),
        batch_size=500,
        ignore_conflicts=True,
    )


def of(trace_ids: Collection[str]) -> list[ForeignSpan]:
    """The first spans of these traces, by their beginning; one query, none if it is off."""
    wanted = sorted(filter(None, trace_ids))
    if not wanted or not is_on():
        return []
    rows = ForeignSpan.objects.filter(trace_id__in=wanted)
    return list(rows.order_by("started_at", "pk")[:MOST_SHOWN])


def newest_of(trace_ids: Collection[str]) -> dict[str, int]:
    """The number of the span of each trace that came last; one query, none if it is off."""
    wanted = sorted(filter(None, trace_ids))
    if not wanted or not is_on():
        return {}
    rows = ForeignSpan.objects.filter(trace_id__in=wanted).order_by().values_list("trace_id")
    return dict(rows.annotate(Max("pk")))


def forget_old() -> None:
    """Remove some that were kept for long enough, or are too many. Nothing if it was never on."""
    newest = ForeignSpan.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return
    before = clock.now() - timedelta(days=conf().SPANS_KEPT_DAYS)
    old = ForeignSpan.objects.filter(received_at__lt=before).order_by("received_at")
    for rows in (old, ForeignSpan.objects.filter(pk__lte=newest - MOST_KEPT)):
        numbers = list(rows.values_list("pk", flat=True)[:_AT_ONCE])
        ForeignSpan.objects.filter(pk__in=numbers).delete()


def _masked(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {
        _text(name, 100): _shown(value) if name in _HARMLESS else MASK
        for name, value in list(attributes.items())[:_MOST_ATTRIBUTES]
    }


def _shown(value: Value) -> Value:
    return _text(value, _LONGEST_VALUE) if isinstance(value, str) else value


def _text(text: str, most: int) -> str:
    shown = "".join(one if one.isprintable() else " " for one in text[: most * 4])
    return _PERSONAL.sub(MASK, shown).strip()[:most]
