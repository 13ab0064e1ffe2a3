"""Marks, and how values are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

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


@pytest.mark.django_db  # today is what the database says
def test_a_clock_has_its_date_when_it_is_not_today_and_its_zone_always() -> None:
    now = timezone.localtime()
    old = datetime(2016, 11, 3, 4, 5, 6, tzinfo=UTC)
    this_year = now.replace(month=1 if now.month > 1 else 2, day=3)
    assert '<span class="h">3 Nov 2016 04:05:</span>06.000' in marks.clock(old)
    assert 'title="3 Nov 2016, 04:05:06 UTC"' in marks.clock(old)
    assert f">3 {this_year:%b} {this_year:%H:%M}:<" in marks.clock(this_year)
    assert f'<span class="h">{now:%H:%M}:</span>' in marks.clock(now)
    assert "UTC" in marks.ago(old)


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
