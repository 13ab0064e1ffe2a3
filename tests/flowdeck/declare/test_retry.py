"""Retry arithmetic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeck import Retry, Snooze
from flowdeck.errors import HandlerContractError, RegistrationError

policies = st.builds(
    Retry,
    max_attempts=st.integers(1, 50),
    base=st.floats(0, 10),
    factor=st.floats(1, 10),
    cap=st.floats(10, 3600),
    jitter=st.booleans(),
)


@pytest.mark.parametrize(("attempt", "delay"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, None)])
def test_delays_double_without_jitter(attempt: int, delay: float | None) -> None:
    assert Retry(max_attempts=5, jitter=False).delay(attempt) == delay


def test_jitter_draws_from_the_whole_range() -> None:
    retry = Retry(max_attempts=5, base=8.0)
    assert retry.delay(1, draw=lambda: 0.0) == 8.0
    assert retry.delay(1, draw=lambda: 0.75) == 2.0


@given(policies, st.integers(1, 10_000))
def test_delays_are_bounded_and_end(retry: Retry, attempt: int) -> None:
    delay = retry.delay(attempt)
    if attempt >= retry.max_attempts:
        assert delay is None
    else:
        assert delay is not None
        assert 0 <= delay <= retry.ceiling(attempt) <= retry.cap


@given(policies, st.integers(1, 100))
def test_the_ceiling_never_shrinks(retry: Retry, attempt: int) -> None:
    assert retry.ceiling(attempt) <= retry.ceiling(attempt + 1)


@pytest.mark.parametrize(
    "options",
    [{"max_attempts": 0}, {"base": -1.0}, {"factor": 0.5}, {"base": 61.0}],
)
def test_policies_that_can_not_work_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(RegistrationError, match="needs max_attempts"):
        Retry(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 32_768},
        {"max_attempts": 2.5},
        {"max_attempts": 0},
        {"base": float("nan")},
        {"cap": float("inf")},
        {"cap": 1e12},
        {"factor": float("inf")},
        {"base": "1"},
    ],
    ids=str,
)
def test_what_no_row_can_hold_is_refused_where_it_is_declared(wrong: dict[str, Any]) -> None:
    with pytest.raises(RegistrationError, match="cannot work"):
        Retry(**wrong)


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), 1e13, "60", None], ids=str)
def test_a_snooze_that_no_row_can_hold_is_refused(wrong: Any) -> None:
    with pytest.raises(HandlerContractError, match="give the seconds to wait as a number"):
        Snooze(wrong)


def test_a_snooze_until_a_moment_that_is_over_is_one_of_no_time() -> None:
    assert Snooze(-3).seconds == 0
    assert Snooze(10 * 365 * 24 * 3600).seconds == 315_360_000
