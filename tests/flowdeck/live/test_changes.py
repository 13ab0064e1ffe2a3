"""What a bell says, there and back, and how it stays small."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from flowdeck.live.changes import LIMIT, Changes, Ids


def test_a_message_says_what_was_touched() -> None:
    correlation = uuid4()
    changes = Changes()
    changes.touch(7, correlation)
    changes.touch(5, correlation)
    changes.streams.add("order-1")
    changes.processors.add("payment")
    heard = Changes.from_message(json.loads(json.dumps(changes.to_message())))
    assert heard == changes or heard.to_message() == changes.to_message()
    assert (heard.first, heard.last) == (5, 7)
    assert 5 in heard.positions
    assert 6 not in heard.positions
    assert correlation in heard.correlations


def test_a_flood_is_a_small_message_in_which_everything_counts_as_touched() -> None:
    changes = Changes()
    for position in range(1, 10_001):
        changes.touch(position, uuid4())
    assert len(json.dumps(changes.to_message())) < 500
    heard = Changes.from_message(changes.to_message())
    assert 123_456 in heard.positions
    assert uuid4() in heard.correlations
    assert (heard.first, heard.last) == (1, 10_000)


def test_merging_keeps_both_and_stays_bounded() -> None:
    one, other = Changes(), Changes()
    for position in range(LIMIT):
        one.touch(position + 1)
    other.touch(LIMIT + 50)
    one.merge(other)
    assert one.positions.many
    assert (one.first, one.last) == (1, LIMIT + 50)
    fresh = Changes()
    fresh.merge(other)
    assert (fresh.first, fresh.last) == (LIMIT + 50, LIMIT + 50)


@pytest.mark.parametrize(
    "message",
    [{}, {"positions": 3}, {"positions": ["x"], "correlations": []}, {"positions": [None]}],
)
def test_a_message_of_another_version_means_look_for_yourself(message: dict) -> None:
    assert Changes.from_message(message).unknown


def test_ids_touch_what_they_hold() -> None:
    assert Ids([1, 2]).touches([2, 3])
    assert not Ids([1, 2]).touches([3])
    assert Ids(many=True).touches([])
    assert not Ids()


def test_reads_are_shared_within_a_frame() -> None:
    calls: list[int] = []
    changes = Changes()
    for _ in range(3):
        changes.once("rows", lambda: calls.append(1))
    assert calls == [1]
