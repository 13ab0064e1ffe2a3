"""The audit: every action of a person on the system, allowed or denied, with who, what and why.

An entry commits together with what it tells of. It is append-only, as the log is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q

from flowdeck.models import AuditedDelivery, AuditEntry
from flowdeck.models.user_name import LONGEST_USER_NAME

_LONGEST = 300
_LONGEST_ACTION = 40
_MOST = 20  # entries told of one event


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, and which of the deliveries asked about it changed."""

    entry: AuditEntry
    deliveries: tuple[tuple[int, str], ...]


def record(
    action: str,
    *,
    by: str,
    target: str = "",
    count: int = 0,
    reason: str = "",
    allowed: bool = True,
) -> AuditEntry:
    """Write one entry: ``by`` did (or was refused) ``action`` on ``target``, ``count`` of them."""
    return AuditEntry.objects.create(
        who=by[:LONGEST_USER_NAME],
        action=action[:_LONGEST_ACTION],
        target=_short(target),
        count=count,
        reason=_short(reason),
        allowed=allowed,
    )


def refused(action: str, *, by: str, reason: str, target: str = "") -> None:
    """Write an entry of what somebody tried and may not do."""
    record(action, by=by, target=target, reason=reason, allowed=False)


def touched(entry: int | None, deliveries: Iterable[tuple[int, str]]) -> None:
    """Keep which deliveries an entry changed, by position and processor, in the transaction that
    changes them."""
    if entry is not None:
        AuditedDelivery.objects.bulk_create(
            AuditedDelivery(entry_id=entry, position=position, processor=processor)
            for position, processor in deliveries
        )


def entries_about(deliveries: Collection[tuple[int, str]], targets: Iterable[str]) -> list[Told]:
    """The newest entries that changed one of the deliveries or name one of the targets, the newest
    first; two queries by index."""
    links = AuditedDelivery.objects.filter(
        position__in={position for position, _ in deliveries},
        processor__in={processor for _, processor in deliveries},
    ).order_by("-entry_id")
    changed: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for link in links[: _MOST * 10]:
        if (link.position, link.processor) in deliveries:
            changed[link.entry_id].append((link.position, link.processor))
    named = Q(target__in=list(targets)) | Q(pk__in=list(changed))
    return [
        Told(entry, tuple(sorted(changed[entry.pk])))
        for entry in AuditEntry.objects.filter(named).order_by("-id")[:_MOST]
    ]


def _short(text: str) -> str:
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
