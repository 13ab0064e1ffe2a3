"""The stage track, told from events and from deliveries under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from events.shop.track import Track, Underway, build_track, ghost_track

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def happened(name: str, after: float = 0, **data: Any) -> Any:
    return SimpleNamespace(type=name, data=data, recorded_at=NOW + timedelta(seconds=after))


def words(track: Track) -> list[tuple[str, str]]:
    return [(stage.word, stage.state) for stage in track]


def test_a_confirmed_order() -> None:
    track = build_track(
        [
            happened("OrderCreated"),
            happened("InventoryReserved", 0.061),
            happened("PaymentProcessed", 0.4, status="success"),
            happened("OrderConfirmed", 0.5),
            happened("NotificationSent", 0.9),
        ],
        [],
    )
    assert [stage.state for stage in track] == ["done"] * 5
    assert track.reserved.note == "61 ms"


def test_a_declined_card() -> None:
    track = build_track(
        [
            happened("OrderCreated"),
            happened("InventoryReserved"),
            happened("PaymentProcessed", 1.1, status="failed"),
            happened("OrderCancelled", 1.2),
            happened("InventoryReleased", 1.3),
        ],
        [Underway("notification", "pending")],
    )
    assert words(track)[1:] == [
        ("declined", "no"),
        ("released", "done"),
        ("cancelled", "no"),
        ("notified", "none"),
    ]


def test_a_retry_counts_down_to_the_next_attempt() -> None:
    due = datetime.now(UTC) + timedelta(seconds=4)
    track = build_track([happened("OrderCreated")], [Underway("payment", "retrying", 2, due)])
    assert (track.paid.state, track.paid.note, track.paid.due) == ("retrying", "3/5,", due)
    assert track.paid.wait in ("3 s", "4 s")


def test_a_dead_letter_says_how_often_it_failed() -> None:
    track = build_track([happened("OrderCreated")], [Underway("payment", "dead", 5)])
    assert (track.paid.state, track.paid.note) == ("dead", "5 of 5 failed")
    assert track.paid.after == "off"


def test_what_waits_its_turn_is_not_called_reached() -> None:
    track = build_track([happened("OrderCreated")], [Underway("confirmation", "pending")])
    assert track.confirmed.state == "none"
    assert "confirmed: not reached" in track.sentence


def test_a_claim_has_reached_nothing() -> None:
    assert {stage.line for stage in ghost_track()} == {"off"}
