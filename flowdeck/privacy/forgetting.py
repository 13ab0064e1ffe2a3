"""Forgetting a person: the key is destroyed, the log stays as it is, read models are erased.

What was sealed with the key can't be opened any more, wherever it was copied to; events keep their
place, and whoever reads them gets the erased value of each field. A projection that writes personal
values into its read model has an :func:`flowdeck.eraser`, so that it stays what a replay would
give.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowdeck.database import transaction
from flowdeck.declare.personal import MESSAGE, erasers
from flowdeck.declare.registry import Processor, registry
from flowdeck.errors import RegistrationError
from flowdeck.models import Lane, PersonalKey
from flowdeck.people import audit
from flowdeck.privacy import keys as subject_keys


@dataclass(slots=True)
class Forgotten:
    """What forgetting did, or would do: keys destroyed, rows erased by projection.

    ``unknown`` are projections that get personal values and have no eraser: right if they keep
    none of them, else to be rebuilt.
    """

    subject: str
    keys: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def preview(subject: str) -> Forgotten:
    """What :func:`forget` would do; rows are not counted."""
    keys = PersonalKey.objects.filter(subject=subject, destroyed_at=None).count()
    touched = _touched(subject)
    return Forgotten(subject, keys, dict.fromkeys(_with_eraser(touched), 0), _without(touched))


def forget(subject: str, *, by: str, reason: str = "") -> Forgotten:
    """Destroy the subject's key and erase it from the read models, in one transaction, audited.

    Live deliveries of those projections wait meanwhile, so none of them writes what it has read
    before. To forget somebody again is harmless. Raises RegistrationError for an eraser of no
    projection.
    """
    touched = _touched(subject)
    found = Forgotten(subject, unknown=_without(touched))
    with transaction.atomic():
        names = [projection.name for projection in touched]
        list(Lane.objects.select_for_update().filter(processor__in=names).order_by("id"))
        found.keys = subject_keys.destroy(subject)
        found.rows = {name: erasers[name](subject) for name in _with_eraser(touched)}
        audit.record(
            "forget",
            by=by,
            target=f"subject {subject}",
            count=sum(found.rows.values()),
            reason=reason,
        )
    return found


def _touched(subject: str) -> list[Processor]:
    """The projections that get personal values of the subject."""
    if subject.startswith(MESSAGE):
        return []
    for name in erasers:
        if not registry.processor(name).replayable:
            raise RegistrationError(f"There is an eraser for {name!r}, which is not a projection.")
    types = {name for name, declared in registry.event_types.items() if declared.personal}
    return [
        processor
        for _, processor in sorted(registry.processors.items())
        if processor.replayable and types.intersection(processor.subscriptions)
    ]


def _with_eraser(touched: list[Processor]) -> list[str]:
    return [projection.name for projection in touched if projection.name in erasers]


def _without(touched: list[Processor]) -> list[str]:
    return [projection.name for projection in touched if projection.name not in erasers]
