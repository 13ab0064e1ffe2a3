"""Where things stand: the axis, rows, guides, bars and words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeck.dashboard.shared.axis import LEFT, RIGHT, Axis
from flowdeck.dashboard.trace.waterfall import ROW, Choice, lay_out
from tests.flowdeck.dashboard.rows import Story, order

moments = st.floats(0, 10_000, allow_nan=False)
intervals = st.lists(st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair))))


@given(st.floats(0.001, 10_000), intervals, st.lists(moments, min_size=2), st.booleans())
def test_time_runs_from_left_to_right(
    seconds: float, busy: list[tuple[float, float]], asked: list[float], fold: bool
) -> None:
    inside = [(start, min(end, seconds)) for start, end in busy if start < seconds]
    axis = Axis(seconds, inside, fold)
    placed = [axis.x(moment) for moment in sorted(asked)]
    assert placed == sorted(placed)
    assert all(LEFT - 0.01 <= x <= RIGHT + 0.01 for x in placed)
    assert axis.x(0) == pytest.approx(LEFT, abs=0.01)
    assert axis.x(seconds) == pytest.approx(RIGHT, abs=0.01)


@pytest.mark.parametrize("days", [0.01, 0.2, 1, 40, 4_000])
@pytest.mark.parametrize("fold", [True, False])
def test_labels_of_long_traces_differ_and_are_read_at_once(days: float, fold: bool) -> None:
    seconds = days * 86_400
    axis = Axis(
        seconds, [(0, 0.01), (seconds / 2, seconds / 2 + 0.05), (seconds - 1, seconds)], fold
    )
    labels = [tick.label for tick in axis.ticks() if tick.label]
    assert len(labels) == len(set(labels)) > 1
    assert len(labels) + len(axis.skipped()) > 2
    assert all(len(label) <= 14 and "e+" not in label for label in labels)


@given(st.floats(0.001, 100_000), intervals, st.sampled_from([6.0, 11.0, 22.0]))
def test_labels_do_not_meet(seconds: float, busy: list[tuple[float, float]], room: float) -> None:
    inside = [(start, min(end, seconds)) for start, end in busy if start < seconds]
    axis = Axis(seconds, inside, room=room)
    labelled = sorted([t.x for t in axis.ticks() if t.label] + [s.x for s in axis.skipped()])
    assert all(b - a >= room - 0.1 for a, b in pairwise(labelled))
    assert len(axis.ticks()) <= 40


def test_long_idle_times_are_folded_and_short_ones_are_not() -> None:
    axis = Axis(10, [(0, 1), (1.2, 2), (9, 10)])
    (folded,) = axis.folded
    assert folded.width == pytest.approx(6)
    assert 2 < folded.start < folded.end < 9
    assert Axis(10, [(0, 1), (9, 10)], fold=False).folded == []


def test_many_idle_times_leave_room_for_the_work() -> None:
    axis = Axis(1000, [(n * 100, n * 100 + 1) for n in range(10)])
    assert sum(stretch.width for stretch in axis.folded) <= 40.01


def test_rows_stand_in_reading_order_with_their_guides() -> None:
    drawing = lay_out(order().trace())
    assert [(row.kind, row.guides) for row in drawing.rows] == [
        ("event", ()),
        ("delivery", ("t",)),
        ("event", ("v", "l")),
        ("delivery", ("v", "", "l")),
        ("delivery", ("l",)),
        ("attempt", ("", "v", "")),
        ("attempt", ("", "v", "")),
        ("attempt", ("", "v", "")),
        ("event", ("", "l")),
        ("delivery", ("", "", "l")),
        ("event", ("", "", "", "l")),
    ]
    assert [row.top for row in drawing.rows] == [n * ROW for n in range(11)]
    assert drawing.height == 11 * ROW


def test_attempts_can_be_folded() -> None:
    trace = order().trace()
    payment = trace.deliveries[1].row.name
    drawing = lay_out(trace, Choice(folded=frozenset([payment])))
    assert "attempt" not in [row.kind for row in drawing.rows]
    assert [
        row.folded for row in drawing.rows if row.delivery and row.delivery.row.name == payment
    ] == [True]


def test_bars_of_failed_tries_end_at_a_wall_and_a_hatched_wait() -> None:
    drawing = lay_out(order().trace())
    payment = drawing.rows[4]
    assert [bar.kind for bar in payment.bars] == [
        "b-fail",
        "b-wall",
        "b-fail",
        "b-wall",
        "b-done",
        "b-gap",
        "b-gap",
    ]
    first, second = drawing.rows[5], drawing.rows[7]
    assert [bar.kind for bar in first.bars] == ["b-fail", "b-wall", "b-gap"]
    assert [bar.kind for bar in second.bars] == ["b-done"]
    assert first.words is not None
    assert first.words.waits == pytest.approx(1.0)


def test_the_last_try_of_a_dead_letter_is_red() -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "payment", (0.1, 0.2), (1, 2), state="dead")
    payment = lay_out(story.trace()).rows[1]
    assert [bar.kind for bar in payment.bars][:4] == ["b-fail", "b-wall", "b-dead", "b-wall b-dead"]


def test_what_runs_is_open_until_now() -> None:
    story = Story()
    created = story.event("OrderCreated", 0)
    story.delivery(created, "payment", state="pending", running_since=0.5)
    (bar,) = lay_out(story.trace(as_of=2.0)).rows[1].bars
    assert bar.kind == "b-run"
    assert bar.x + bar.width == pytest.approx(RIGHT, abs=0.01)


def test_every_mark_is_inside_and_wide_enough_to_be_seen() -> None:
    for row in lay_out(order().trace()).rows:
        for bar in row.bars:
            assert 0 <= bar.x <= 100
            assert bar.x + bar.width <= 100
            assert bar.width >= 0.35 or "wall" in bar.kind or bar.kind == "b-gap"


def test_a_selected_attempt_is_marked() -> None:
    trace = order().trace()
    payment = trace.deliveries[1].row.name
    drawing = lay_out(trace, Choice(delivery=payment, attempt=2))
    assert [row.id for row in drawing.rows if row.selected] == [f"a{payment}-2"]
