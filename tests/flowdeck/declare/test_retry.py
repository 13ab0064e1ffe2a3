"""Retry arithmetic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeck import Retry, Snooze, after
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


class RateLimited(Exception):
    retry_after: object = 7


class Stricter(RateLimited):
    pass


POLICY = Retry(
    max_attempts=3,
    jitter=False,
    on={
        ValueError: "dead",
        UnicodeError: "again",
        LookupError: Retry(max_attempts=9, base=5, jitter=False),
        RateLimited: after("retry_after"),
    },
)


@pytest.mark.parametrize(
    ("error", "attempt", "delay"),
    [
        (TypeError(), 1, 1.0),
        (ValueError(), 1, None),
        (UnicodeError(), 2, 2.0),  # a ValueError: the most specific class counts
        (KeyError(), 1, 5.0),
        (KeyError(), 8, 60.0),
        (KeyError(), 9, None),
        (Stricter(), 2, 7.0),
        (RateLimited(), 3, None),
    ],
)
def test_kinds_of_errors_are_answered_apart(
    error: Exception, attempt: int, delay: float | None
) -> None:
    assert POLICY.delay_after(error, attempt) == delay


@pytest.mark.parametrize("said", [None, -1, float("nan"), 1e12, "soon"])
def test_what_can_not_be_waited_for_leaves_the_policy(
    said: object, caplog: pytest.LogCaptureFixture
) -> None:
    error = RateLimited()
    error.retry_after = said
    assert POLICY.delay_after(error, 1) == 1.0
    assert bool(caplog.records) == (said is not None)


@pytest.mark.parametrize("on", [{"ValueError": "dead"}, {ValueError: "later"}, {int: "dead"}])
def test_an_answer_that_can_not_work_is_refused(on: Any) -> None:
    with pytest.raises(RegistrationError, match="Retry"):
        Retry(on=on)
