"""Redelivery: give one processor chosen past events again.

Its handler runs once more for each, with the idempotency key it always had: what it calls outside
counts once there. What an atomic handler writes and emits it does again, unless it looks first; so
the dry run comes first, and every redelivery is kept as a run with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, QuerySet

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.registry import Processor, registry, slot_of
from flowdeck.declare.states import OVER, DeliveryState
from flowdeck.errors import ReplayRefused
from flowdeck.history import tally
from flowdeck.history.tally import Change
from flowdeck.letters import floors
from flowdeck.letters.question import Question
from flowdeck.models import Delivery, Done, Due, ReplayRun
from flowdeck.people import audit

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Choice:
    """Which past deliveries: all conditions that are given hold; at least one must be."""

    positions: Sequence[int] = ()
    correlation_id: UUID | None = None
    type: str = ""
    after: int | None = None
    upto: int | None = None

    def of(self, processor: Processor) -> QuerySet[Delivery]:
        """The chosen deliveries that are over. Raises ReplayRefused if nothing was chosen by."""
        if self == Choice():
            raise ReplayRefused("Say which events: by position, trace, type or range of positions.")
        chosen = Delivery.objects.filter(processor=processor.name, state__in=OVER)
        if self.positions:
            chosen = chosen.filter(event_id__in=list(self.positions))
        if self.correlation_id:
            chosen = chosen.filter(event__correlation_id=self.correlation_id)
        if self.type:
            chosen = chosen.filter(event__type=self.type)
        if self.after is not None:
            chosen = chosen.filter(event_id__gt=self.after)
        if self.upto is not None:
            chosen = chosen.filter(event_id__lte=self.upto)
        return chosen


def dry_run(name: str, choice: Choice) -> dict[str, int]:
    """How many deliveries of each event type would be made due again.

    Raises UnknownProcessor, or ReplayRefused for projections and processes, which would
    count twice.
    """
    chosen = choice.of(_redeliverable(name)).order_by()
    return dict(chosen.values_list("event__type").annotate(n=Count("*")))


def question(name: str, choice: Choice) -> Question:
    """What would be made due again, for :func:`redeliver` to compare. Raises as :func:`dry_run`."""
    return Question.about(choice.of(_redeliverable(name)), "event_id")


def redeliver(
    name: str, choice: Choice, *, by: str, reason: str, seen: str | None = None
) -> ReplayRun:
    """Make the chosen deliveries due again, all or none. Raises as :func:`dry_run`.

    Also if they are not those of the :func:`question` that was ``seen`` (its digest).
    """
    processor = _redeliverable(name)
    if not reason:
        raise ReplayRefused("Say why: whoever sees these events handled again will ask.")
    with transaction.atomic():
        chosen = choice.of(processor).order_by()
        keys = list(chosen.values_list("event__key", flat=True)[: MOST + 1])
        if len(keys) > MOST:
            raise ReplayRefused(f"More than {MOST:,} deliveries at once: choose fewer.")
        floors.lower((name, slot_of(key)) for key in keys)
        if seen is not None and seen != Question.about(choice.of(processor), "event_id").digest:
            raise ReplayRefused("Meanwhile it is other deliveries. Look again.")
        positions = give_again(name, chosen.filter(event__key__in=set(keys)))
        count = len(positions)
        now = clock.now()
        run = ReplayRun.objects.create(
            kind=ReplayRun.Kind.REDELIVER,
            processors=[name],
            by=by,
            reason=reason,
            state=ReplayRun.State.FINISHED,
            total=count,
            done=count,
            started_at=now,
            finished_at=now,
        )
        entry = audit.record("redeliver", by=by, target=name, count=count, reason=reason)
        audit.touched(entry.pk, [(position, name) for position in positions])
        transaction.on_commit(lambda: bell.ring([name]))
    return run


def give_again(name: str, chosen: QuerySet[Delivery]) -> list[int]:
    """Make these due, which are over and whose lanes are locked; their positions."""
    events = dict(chosen.values_list("event_id", "event__key"))
    discarded = Due.objects.filter(
        processor=name, event_id__in=events, state=DeliveryState.DISCARDED
    )
    discarded.update(state=DeliveryState.PENDING, due_at=None)
    done = Done.objects.filter(processor=name, event_id__in=events)
    Due.objects.bulk_create(
        Due(
            event_id=one.event_id,
            processor=name,
            key=events[one.event_id],
            slot=slot_of(events[one.event_id]),
            attempts=one.attempts,
            retried=one.retried,
            started_at=one.started_at,
            finished_at=one.finished_at,
            letter=one.letter,
            fingerprint=one.fingerprint,
        )
        for one in done
    )
    done.delete()
    tally.tell(Change(position, settled=-1) for position in sorted(events))
    return sorted(events)


def _redeliverable(name: str) -> Processor:
    processor = registry.processor(name)
    if processor.replayable:
        raise ReplayRefused(
            f"{name} is a projection: an event given again would count twice in its read model. "
            f"Use manage.py replay {name} --rebuild."
        )
    if processor.remembers:
        raise ReplayRefused(
            f"{name} is a process: its state has its past events in it already, and would take "
            "them for new ones. manage.py flowdeck processes replay compares it with them."
        )
    return processor
