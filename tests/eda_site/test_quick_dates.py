"""Dates that PostgreSQL gives are the same as by the loader that Django has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def given_back(text: str) -> datetime:
    """What a query gives for a moment as PostgreSQL reads it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        found: datetime = cursor.fetchone()[0]
    return found


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_moment_comes_back_as_it_went(moment: datetime) -> None:
    found = given_back(moment.isoformat())
    assert found == moment
    assert found.tzinfo is UTC


def test_another_zone_comes_back_as_utc() -> None:
    assert given_back("2026-03-29 02:30:00.5+02:00") == datetime(2026, 3, 29, 0, 30, 0, 500000, UTC)


@pytest.mark.parametrize("text", ["infinity", "0044-03-15 12:00+00 BC", "294276-01-01 00:00+00"])
def test_what_no_datetime_can_be_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        given_back(text)
