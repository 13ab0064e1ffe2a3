"""What workers say of who hears what, so that code which does not know it appends for them too.

Each worker, and ``migrate``, writes down what its processors subscribe to before their first claim.
Every append reads it. Rows are only added: who declares less may be older code. Those that no
worker says any more are forgotten after ``FLOWDECK["UNKNOWN_KEPT_HOURS"]``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from django.db.models import Q

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import transaction
from flowdeck.declare.registry import Processor, registry
from flowdeck.log.horizon import settled_position
from flowdeck.models import Subscription
from flowdeck.sql.parts import placeholders, rows

_PATIENCE = 5.0  # seconds, for what a new one must not miss; whoever wants to begin asks again
_SHORT = 0.5  # for what only verification is told


def note(processors: Iterable[Processor], working: Collection[str]) -> None:
    """Write down what they subscribe to, as far as it is not known yet.

    A processor that is not ``working`` yet is left out while it can't be told from where on it is
    to get events, because an append under way takes too long. One query if nothing is new.
    """
    declared = {one.name: one for one in processors}
    there = Subscription.objects.filter(processor__in=list(declared))
    known = set(there.values_list("processor", "type"))
    missing = {
        one.name: types
        for one in declared.values()
        if (types := [each for each in one.subscriptions if (one.name, each) not in known])
    }
    if not missing:
        return
    begins = _beginnings([declared[name] for name in missing if name not in working])
    with transaction.atomic():
        Subscription.objects.bulk_create(
            (
                _row(declared[name], each, begins.get(name))
                for name, types in missing.items()
                if name in working or name in begins
                for each in types
            ),
            ignore_conflicts=True,
        )
    heard_more = {name for name, _ in known} & missing.keys() & set(working)
    if heard_more and (since := settled_position(_SHORT)) is not None:
        # Whoever appends now has seen the row; before, some did that knew the subscription.
        Subscription.objects.filter(processor__in=heard_more, since=None).exclude(
            _among(known)
        ).update(since=since)


def beginnings(name: str) -> list[int | None]:
    """Behind which positions the processor is to get all of the types that it is known to hear."""
    said = Subscription.objects.filter(processor=name).order_by("type")
    return list(said.values_list("since", flat=True))


def say_again() -> bool:
    """Say that what this code subscribes to is still wanted; whether all of it was written down.

    What nobody has said for long is forgotten.
    """
    now = clock.now()
    mine = {(one.name, each) for one in registry.processors.values() for each in one.subscriptions}
    said = Subscription.objects.filter(_among(mine)).update(seen_at=now) if mine else 0
    before = now - timedelta(hours=conf().UNKNOWN_KEPT_HOURS)
    Subscription.objects.filter(seen_at__lt=before).delete()
    return said == len(mine)


def _among(pairs: Iterable[tuple[str, str]]) -> Q:
    by_processor: dict[str, list[str]] = {}
    for name, type_ in pairs:
        by_processor.setdefault(name, []).append(type_)
    found = Q()
    for name, types in by_processor.items():
        found |= Q(processor=name, type__in=types)
    return found


def _row(processor: Processor, type_name: str, since: int | None) -> Subscription:
    told = processor.subscribed_to(type_name)
    return Subscription(
        type=type_name,
        processor=processor.name,
        streams=told.streams,
        grouped_by=told.by,
        gathered=told.gathered,
        since=since,
        seen_at=clock.now(),
    )


def _beginnings(new: Sequence[Processor]) -> dict[str, int]:
    """Behind which position each of them gets its events, if that can be told now.

    Publishers that know it may have begun before: of what others left out since, nothing is missed.
    """
    begins = {one.name: one.starts for one in new if isinstance(one.starts, int)}
    begins |= {one.name: 0 for one in new if one.starts == "beginning"}
    from_now = [one.name for one in new if one.name not in begins]
    if from_now and (settled := settled_position(_PATIENCE)) is not None:
        first = _first_delivered(from_now)
        begins |= {name: min(settled, first.get(name, settled + 1) - 1) for name in from_now}
    return begins


def _first_delivered(names: Sequence[str]) -> dict[str, int]:
    """The first delivery of each of those that have any; none of them has done one yet."""
    found = rows(
        "SELECT processor, min(position) FROM flowdeck_due "
        f"WHERE processor IN ({placeholders(names)}) GROUP BY processor",
        names,
    )
    return {str(name): int(position) for name, position in found}
