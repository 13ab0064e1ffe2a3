"""Faults as data: switched on for one processor, felt by one person's orders, ending by themselves.

Demo mode only. What they do is in :mod:`lab.injection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from events import scenarios
from flowdeck.extend import record_action, registry
from lab import injection
from lab.models import SwitchedFault

LONGEST = 600
SECONDS = 120


class FaultRefused(Exception):
    """A fault can't be switched on; the message says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be switched on.

    ``meaning`` is what it stands for in the real world. ``unit`` names the amount (empty: there is
    none), ``default`` and ``most`` bound it. ``shared`` ones are felt by everybody. ``only`` names
    the one processor that can have it.
    """

    slug: str
    title: str
    meaning: str
    unit: str = ""
    default: int = 0
    most: int = 0
    shared: bool = False
    only: str = ""

    def says(self, fault: SwitchedFault) -> str:
        """The fault in a few words."""
        amount = f" ({fault.amount} {self.unit})" if self.unit else ""
        where = "experiment, " if fault.trace else ""
        return f"{where}{fault.processor}: {self.title.lower()}{amount}"


KINDS = {
    kind.slug: kind
    for kind in (
        Kind(
            slug="fail_next",
            title="Fail the next",
            meaning="A short hiccup: a deploy, a lost connection.",
            unit="attempts",
            default=2,
            most=20,
        ),
        Kind(
            slug="fail_often",
            title="Fail now and then",
            meaning="An overloaded or flaky service.",
            unit="percent",
            default=40,
            most=100,
        ),
        Kind(
            "provider_down", "Provider down", "The payment provider answers nobody.", only="payment"
        ),
        Kind(
            slug="slow",
            title="Slow",
            meaning="A cold cache, a long query, a far data centre.",
            unit="ms",
            default=1500,
            most=5000,
        ),
        Kind("poison", "Poison message", "A message that this code can never handle."),
        Kind("twice", "Deliver twice", "A worker that dies after the work and before saying so."),
        Kind(
            slug="out_of_order",
            title="Deliver out of order",
            meaning="Messages overtake each other on their way; those of one key wait for each "
            "other.",
            unit="ms at most",
            default=1500,
            most=5000,
        ),
        Kind("stop", "Stop the processor", "The service is not running at all."),
        Kind("lose_bell", "Lose the bell", "The message broker drops messages.", shared=True),
        Kind(
            "kill_worker",
            "Kill a worker",
            "The machine is gone, in the middle of the work.",
            shared=True,
        ),
    )
}


def switch_on(
    user: Any,
    processor: str,
    kind: str,
    *,
    amount: int | None = None,
    seconds: float = SECONDS,
    trace: UUID | None = None,
) -> SwitchedFault:
    """Let ``user``'s orders feel a fault at ``processor`` for ``seconds``.

    With ``trace`` only that trace feels it. The same kind at the same processor is replaced.
    Raises FaultRefused.
    """
    if not scenarios.allowed():
        raise FaultRefused("Faults exist in demo mode only.")
    known = KINDS.get(kind)
    if known is None:
        raise FaultRefused(f"There is no fault {kind[:40]!r}; known are {', '.join(KINDS)}.")
    if processor not in registry.processors or (known.only and processor != known.only):
        raise FaultRefused(f"{known.title} can't be set for the processor {processor[:64]!r}.")
    if not 1 <= seconds <= LONGEST:
        raise FaultRefused(f"A fault lasts 1 to {LONGEST} seconds.")
    value = known.default if amount is None else amount
    if known.unit and not 1 <= value <= known.most:
        raise FaultRefused(f"{known.title}: 1 to {known.most} {known.unit}, not {value}.")
    now = datetime.now(UTC)
    with transaction.atomic():
        _on(user).filter(processor=processor, kind=kind, trace=trace).update(ends_at=now)
        fault = SwitchedFault.objects.create(
            user=user,
            processor=processor,
            kind=kind,
            amount=value if known.unit else 0,
            trace=trace,
            began_at=now,
            ends_at=now + timedelta(seconds=seconds),
        )
        record_action("fault_on", by=user.get_username(), target=known.says(fault), count=1)
    injection.look_again()
    return fault


def switch_off(user: Any, number: int | None = None) -> int:
    """End one of ``user``'s faults, or all; return how many were on."""
    chosen = _on(user) if number is None else _on(user).filter(pk=number)
    with transaction.atomic():
        said = ", ".join(KINDS[fault.kind].says(fault) for fault in chosen if fault.kind in KINDS)
        count = chosen.update(ends_at=datetime.now(UTC))
        if count:
            record_action("fault_off", by=user.get_username(), target=said, count=count)
    injection.look_again()
    return count


def end_experiments(user: Any) -> None:
    """End what the experiments before have left on, each for its own trace."""
    _on(user).filter(trace__isnull=False).update(ends_at=datetime.now(UTC))
    injection.look_again()


def switched_on(user: Any) -> list[SwitchedFault]:
    """What is on for ``user`` now, newest first."""
    return list(_on(user)) if scenarios.allowed() else []


def felt_by(user: Any) -> list[SwitchedFault]:
    """What is on for ``user`` now, and what others have set that everybody feels; newest first."""
    if not scenarios.allowed():
        return []
    shared = [kind.slug for kind in KINDS.values() if kind.shared]
    on = SwitchedFault.objects.filter(ends_at__gt=datetime.now(UTC))
    return list(on.filter(Q(user_id=user.pk) | Q(kind__in=shared)).select_related("user"))


def _on(user: Any) -> QuerySet[SwitchedFault]:
    return SwitchedFault.objects.filter(user_id=user.pk, ends_at__gt=datetime.now(UTC))
