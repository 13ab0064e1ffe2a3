"""Invariant 8 behind a pooler: a shadow is reached by its own run only, even if it was killed.

Between two transactions of a run a pooler gives its connection to anybody, which is the same as
using this one.
"""

from __future__ import annotations

import pytest
from django.db import connection

from flowdeck import publish
from flowdeck.replay.shadow import Shadows, remove_forgotten, shadows
from flowdeck.sql.shadows import shadow_tables
from flowdeck.testing import settle
from tests.probe.events import Probed
from tests.probe.models import Tally
from tests.under_way import open_transaction

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,  # SQLite's temporary tables end with the connection, which nobody shares
]


@pytest.fixture(autouse=True)
def _nothing_of_runs_that_other_tests_killed() -> None:
    for schema in left_behind():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")


def left_behind() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'flowdeck_run_%'")
        return [name for (name,) in cursor.fetchall()]


def write(made: Shadows) -> None:
    with made.transaction():
        Tally.objects.create(stream="probe-9", count=9)


def test_live_deliveries_write_to_the_live_table() -> None:
    publish(Probed(n=1), stream="probe-1")
    with shadows([Tally]) as made:
        write(made)
        settle()
        assert list(Tally.objects.values_list("stream", flat=True)) == ["probe-1"]
        with made.transaction():
            assert list(Tally.objects.values_list("stream", flat=True)) == ["probe-9"]
    assert list(Tally.objects.values_list("stream", flat=True)) == ["probe-1"]
    assert left_behind() == []


def test_two_runs_of_one_projection_do_not_meet() -> None:
    with shadows([Tally]) as made, shadows([Tally]) as other:
        write(made)
        with other.transaction():
            assert not Tally.objects.exists()


def test_what_a_killed_run_had_built_is_removed_unless_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(shadow_tables(), "close_run", lambda *arguments: None)
        with shadows([Tally]) as made:
            pass
    remove_forgotten()
    assert len(left_behind()) == 1, "it may be at work"
    monkeypatch.setattr("flowdeck.replay.shadow._GONE", 0.0)
    with open_transaction(lambda: write(made)):
        remove_forgotten()
        assert len(left_behind()) == 1, "it is at work, although nothing was heard of it"
    remove_forgotten()
    assert left_behind() == []
