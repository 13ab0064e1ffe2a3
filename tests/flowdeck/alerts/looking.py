"""Setting rules and looking at them as the workers' sweep does, at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowdeck import clock, read_stream
from flowdeck.alerts import rules, watch
from flowdeck.models import AlertRule
from flowdeck.testing import settle


def rule(**wanted: Any) -> AlertRule:
    return rules.save(None, {"name": "r", "kind": "dead", "threshold": 1, **wanted}, by="operator")


def look(*, work: bool = True) -> None:
    """As the sweep does, some seconds later; then, unless told otherwise, let all be done."""
    AlertRule.objects.update(looked_at=datetime(2000, 1, 1, tzinfo=UTC))
    watch.look()
    if work:
        settle()


def told(number: int) -> list[str]:
    return [event.type for event in read_stream(f"alert-{number}")]


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    """Let the clock be so many minutes ahead; 0 sets it right."""
    now = datetime.now
    ahead = timedelta(minutes=minutes)
    monkeypatch.setattr(clock, "now", lambda: now(UTC) + ahead)
