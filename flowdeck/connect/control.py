"""What people do about connectors: pause, resume, rewind; each is in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowdeck.connect import connectors
from flowdeck.connect.outlets import Outlet
from flowdeck.database import transaction
from flowdeck.errors import RewindRefused
from flowdeck.log.positions import SLACK, first_since, newest_position
from flowdeck.models import Connector, Event, InletOffset
from flowdeck.people import audit, pausing

_COUNTED = 100_000
_YEARS = range(1970, 9_990)


@dataclass(frozen=True, slots=True)
class Rewind:
    """What setting a connector to a position would come to.

    ``again`` messages are sent again (``bounded``: at least so many), or ``skipped`` events are
    never sent, where it is set forward. An inlet reads its source from the beginning: how much that
    is, is not known, and what is in the log already is dropped.
    """

    now: int
    to: int
    again: int | None
    skipped: int
    bounded: bool


def pause(name: str, *, by: str, reason: str) -> bool:
    """Let a connector rest where it is; what is under way is ended. False if it did already.

    Raises UnknownConnector.
    """
    connectors.create(name)
    with transaction.atomic():
        row = Connector.objects.filter(pk=name)
        return pausing.pause(row, f"connector {name}", by=by, reason=reason)


def resume(name: str, *, by: str, reason: str = "") -> bool:
    """Let it go on from there. False if it was not paused. Raises UnknownConnector."""
    connectors.create(name)
    with transaction.atomic():
        row = Connector.objects.filter(pk=name)
        return pausing.resume(row, f"connector {name}", by=by, reason=reason)


def would_rewind(name: str, to: int | datetime) -> Rewind:
    """What :func:`rewind` would come to. Raises UnknownConnector or RewindRefused."""
    connectors.create(name)
    return _planned(Connector.objects.get(pk=name), to)


def _planned(row: Connector, to: int | datetime) -> Rewind:
    name, now, connector = row.name, row.position, connectors.named(row.name)
    if not isinstance(connector, Outlet):
        if to != 0:
            raise RewindRefused(f"{name} is an inlet: it can be set to 0, the beginning, only.")
        return Rewind(now, 0, None, 0, bounded=False)
    if connector.mode != "log":
        raise RewindRefused(
            f"{name} has a delivery for each event: give those again with flowdeck redeliver."
        )
    newest = newest_position()
    if isinstance(to, datetime):
        to = min(_before(to), newest)
    if not 0 <= to <= newest:
        raise RewindRefused(f"{to:,} is no position from 0 to {newest:,}, the newest one.")
    first, last = sorted((now, to))
    count, back = _heard(connector, first, last), to < now
    return Rewind(now, to, count if back else 0, 0 if back else count, count >= _COUNTED)


def rewind(
    name: str, to: int | datetime, *, by: str, reason: str, seen: int | None = None
) -> Rewind:
    """Set an outlet to a position of the log: it goes on with the event behind it. An inlet: to 0.

    A time is the position before all that was recorded then or later; what was recorded up to ten
    seconds before may be behind it, too. Whoever runs it loses the lease, so what is under way
    moves nothing any more. Raises as :func:`would_rewind`; also if it is not at the position
    ``seen`` by now.
    """
    connectors.create(name)
    with transaction.atomic():
        row = Connector.objects.select_for_update().get(pk=name)
        found = _planned(row, to)
        if seen is not None and seen != found.now:
            raise RewindRefused(f"{name} is at {found.now:,} by now, not at {seen:,}. Look again.")
        Connector.objects.filter(pk=name).update(
            position=found.to,
            since=found.to if found.to > found.now else min(row.since, found.to),
            token=None,
            lease_expires_at=None,
            error="",
            failures=0,
        )
        InletOffset.objects.filter(inlet=name).delete()
        audit.record(
            "rewind",
            by=by,
            target=f"connector {name} from {found.now} to {found.to}",
            count=found.again or found.skipped,
            reason=reason,
        )
    return found


def _before(moment: datetime) -> int:
    if moment.year not in _YEARS:
        raise RewindRefused(f"{moment:%Y-%m-%d} is no day that the log knows.")
    return max(0, first_since(moment - SLACK) - 1)


def _heard(outlet: Outlet, after: int, upto: int) -> int:
    """How many events between two positions the outlet hears; counts no further than a limit."""
    chosen = Event.objects.filter(position__gt=after, position__lte=upto).order_by()
    if outlet.types:
        chosen = chosen.filter(type__in=outlet.types)
    if outlet.streams:
        chosen = chosen.filter(stream__startswith=outlet.streams)
    return chosen[:_COUNTED].count()
