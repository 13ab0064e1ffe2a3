"""Pausing a processor: its deliveries wait, nothing else changes."""

from __future__ import annotations

from flowdeck import telemetry
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.registry import registry
from flowdeck.models import ProcessorState
from flowdeck.people import pausing


def pause(name: str, *, by: str, reason: str) -> bool:
    """Let no worker claim work of the processor any more; batches under way end normally.

    Returns False if it was paused already. Raises UnknownProcessor.
    """
    registry.processor(name)
    with transaction.atomic():
        ProcessorState.objects.get_or_create(name=name)
        row = ProcessorState.objects.filter(name=name)
        changed = pausing.pause(row, f"processor {name}", by=by, reason=reason)
        if changed:
            transaction.on_commit(lambda: telemetry.emit(telemetry.Paused(name, by, reason)))
    return changed


def resume(name: str, *, by: str, reason: str = "") -> bool:
    """Let workers claim again. Returns False if it was not paused. Raises UnknownProcessor."""
    registry.processor(name)
    with transaction.atomic():
        row = ProcessorState.objects.filter(name=name)
        changed = pausing.resume(row, f"processor {name}", by=by, reason=reason)
        if changed:
            transaction.on_commit(lambda: _resumed(name, by, reason))
    return changed


def _resumed(name: str, by: str, reason: str) -> None:
    bell.ring([name])
    telemetry.emit(telemetry.Resumed(name, by, reason))
