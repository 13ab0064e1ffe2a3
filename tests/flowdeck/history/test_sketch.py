"""Sketches of durations: the buckets of OpenTelemetry, exact merging, bounded error."""

from __future__ import annotations

from math import ceil, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeck.history.sketch import HIGHEST, LOWEST, bucket, count, dump, load, quantile

SECONDS = st.floats(1e-5, 2e6, allow_nan=False)
SAMPLES = st.lists(SECONDS, max_size=60)


def sketched(seconds: list[float]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for one in seconds:
        count(counts, one)
    return counts


@pytest.mark.parametrize("power", range(-16, 21))
def test_an_upper_bound_belongs_to_its_bucket_and_what_follows_to_the_next(power: int) -> None:
    """As OpenTelemetry has it: at scale 3 the bucket of index -1 ends with exactly 1."""
    assert bucket(2.0**power) == power * 8 - 1
    assert bucket(nextafter(2.0**power, 1e9)) == power * 8


@given(SECONDS)
def test_a_bucket_holds_what_lies_in_it(seconds: float) -> None:
    low, high = 2 ** (bucket(seconds) / 8), 2 ** ((bucket(seconds) + 1) / 8)
    assert low * (1 - 1e-12) < seconds <= high * (1 + 1e-12)


@pytest.mark.parametrize("seconds", [0.0, -5.0, 1e-9])
def test_what_is_shorter_than_the_shortest_counts_as_that(seconds: float) -> None:
    assert bucket(seconds) == LOWEST


def test_what_is_longer_than_the_longest_counts_as_that() -> None:
    assert bucket(1e12) == HIGHEST


@given(SAMPLES, SAMPLES, SAMPLES)
def test_merging_is_exact_in_any_order(a: list[float], b: list[float], c: list[float]) -> None:
    whole = dump(sketched(a + b + c))
    for parts in ((a, b, c), (c, a, b), (b, c, a)):
        merged: dict[int, int] = {}
        for part in parts:
            load(dump(sketched(part)), merged)
        assert dump(merged) == whole


@given(st.lists(SECONDS, min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_is_off_by_half_a_bucket_at_most(values: list[float], share: float) -> None:
    exact = sorted(values)[ceil(share * len(values)) - 1]
    told = quantile(sketched(values), share)
    assert told == pytest.approx(exact, rel=0.0443)


def test_nothing_has_no_quantile_and_no_text() -> None:
    assert quantile({}, 0.5) is None
    assert (dump({}), load("")) == ("", {})
