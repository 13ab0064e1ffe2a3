"""Pausing a processor: its deliveries wait, nothing else changes."""

from __future__ import annotations

from flowdeck import clock, telemetry
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.registry import registry
from flowdeck.models import ProcessorState
from flowdeck.people import audit


def pause(name: str, *, by: str, reason: str) -> bool:
    """Let no worker claim work of the processor any more; batches under way end normally.

    Returns False if it was paused already. Raises UnknownProcessor.
    """
    registry.processor(name)
    with transaction.atomic():
        ProcessorState.objects.get_or_create(name=name)
        changed = ProcessorState.objects.filter(name=name, paused_at=None).update(
            paused_at=clock.now(), paused_by=by, pause_reason=reason
        )
        if changed:
            audit.record("pause", by=by, target=f"processor {name}", count=1, reason=reason)
            transaction.on_commit(lambda: telemetry.emit(telemetry.Paused(name, by, reason)))
    return bool(changed)


def resume(name: str, *, by: str, reason: str = "") -> bool:
    """Let workers claim again. Returns False if it was not paused. Raises UnknownProcessor."""
    registry.processor(name)
    with transaction.atomic():
        changed = ProcessorState.objects.filter(name=name, paused_at__isnull=False).update(
            paused_at=None, paused_by="", pause_reason=""
        )
        if changed:
            audit.record("resume", by=by, target=f"processor {name}", count=1, reason=reason)
            transaction.on_commit(lambda: _resumed(name, by, reason))
    return bool(changed)


def _resumed(name: str, by: str, reason: str) -> None:
    bell.ring([name])
    telemetry.emit(telemetry.Resumed(name, by, reason))
