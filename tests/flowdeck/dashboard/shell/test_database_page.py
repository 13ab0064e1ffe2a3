"""The database: who holds it up, how large it is and grows; what can't be known is a dash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from flowdeck import clock, publish
from flowdeck.alerts.measure import measure
from flowdeck.history import fold
from flowdeck.models import AlertRule, Tally
from flowdeck.observe.database import database_state
from tests.probe.events import Probed


@contextmanager
def a_report() -> Iterator[None]:
    """Somebody's transaction that only reads, and goes on reading."""
    parameters = {**connection.get_connection_params(), "application_name": "night-report"}
    for ours in ("context", "cursor_factory"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) AS secret_question FROM flowdeck_event")
        yield


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)  # in one, all looks at the sessions are the first one's
def test_it_names_who_holds_the_oldest_snapshot_and_not_what_they_ask(operator: Client) -> None:
    with a_report():
        page = operator.get("/database/").content.decode()
        assert "night-report" in page
        assert "idle in transaction" in page
        assert "secret_question" not in page
        measured = measure(AlertRule(kind=AlertRule.Kind.SNAPSHOT))
        assert "night-report" in measured.about
        assert 0 <= measured.value < 60
    assert "night-report" not in operator.get("/database/").content.decode()


@pytest.mark.postgres
def test_partitions_count_as_their_table(operator: Client) -> None:
    names = [table.name for table in database_state().tables]
    assert {"flowdeck_event", "flowdeck_due", "flowdeck_done"} <= set(names)
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("flowdeck_done_")]
    room = database_state().ahead
    assert room is not None
    assert room > 0


def test_it_tells_when_it_will_be_full(operator: Client, settings: Any) -> None:
    page = operator.get("/database/").content.decode()
    assert "<dt>Days until full</dt><dd>–</dd>" in page
    publish(*[Probed(n=n) for n in range(7)], stream="probe-1")
    fold.fold_all()
    size = database_state().bytes
    settings.FLOWDECK = {**settings.FLOWDECK, "DATABASE_BYTES": 3 * size}
    state = database_state()
    assert state.per_day == pytest.approx(state.bytes / 7, rel=0.01), "seven events in seven days"
    assert state.days_left == pytest.approx(14, rel=0.05)
    assert measure(AlertRule(kind=AlertRule.Kind.FULL)).value == pytest.approx(33, abs=1)


def test_it_tells_how_far_figures_are_behind(operator: Client) -> None:
    assert not database_state().lag
    publish(Probed(n=1), stream="probe-1")
    Tally.objects.update(at=clock.now() - timedelta(seconds=90))
    assert database_state().is_late
    assert measure(AlertRule(kind=AlertRule.Kind.LAG)).value >= 90
    assert re.search("Figures are 1 min 3\\d s behind", operator.get("/database/").content.decode())


def test_only_operators_see_it(viewer: Client) -> None:
    assert viewer.get("/database/").status_code == 403


def test_it_costs_the_same_queries_at_any_size(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    publish(*[Probed(n=n) for n in range(20)], stream="probe-1")
    fold.fold_all()
    with django_assert_max_num_queries(10):
        database_state()
