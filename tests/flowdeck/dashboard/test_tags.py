"""Marks, and how values are written."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from flowdeck import words
from flowdeck.dashboard.shared import hues, marks


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0612, "61 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.00 s"),
        (1.4, "1.40 s"),
        (12.34, "12.3 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_in_the_unit_one_would_say(seconds: float | None, text: str) -> None:
    value = None if seconds is None else timedelta(seconds=seconds)
    assert words.duration(value) == text


def test_a_dot_alone_has_its_words_and_one_beside_words_has_none() -> None:
    assert 'role="img" aria-label="payment: retrying"' in marks.dot("retrying", "payment: retrying")
    assert 'aria-hidden="true"' in marks.dot("retrying")


def test_labels_are_escaped() -> None:
    assert "<b>" not in marks.dot("done", "<b>")
    assert "<b>" not in marks.tag("done", "<b>")


def test_hues_are_stable_and_known() -> None:
    assert hues.producer_hue("payment") == "p-teal"
    assert hues.producer_hue("somebody new") == hues.producer_hue("somebody new")
    with pytest.raises(ValueError, match="Choose one of"):
        hues.assign(payment="red")


def test_a_short_id_is_the_end_since_ids_of_a_moment_begin_alike() -> None:
    one = UUID("01936a2f-242a-7000-8000-00000055d2ba")
    assert words.short(one) == "055d2ba"
    assert hues.correlation_hue(one) == hues.correlation_hue(str(one))
