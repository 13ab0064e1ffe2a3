"""Who reads the log by position misses nothing: up to where it is settled, all can be seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from flowdeck import publish
from flowdeck.log.horizon import newest_position, settled_position
from flowdeck.models import Event
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,  # on SQLite nobody appends before the other has committed
]


@contextmanager
def open_transaction(write: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another connection that wrote and has not committed; call what is yielded to let it."""
    written, go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                write()
                written.set()
                go.wait(60)
        finally:
            written.set()
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()

    def commit() -> None:
        go.set()
        thread.join(60)

    try:
        assert written.wait(60)
        yield commit
    finally:
        commit()


def late() -> int:
    """Append and tell the position."""
    return publish(Probed(n=1), stream="probe-late").positions[0]


def test_the_log_is_not_settled_before_an_earlier_position_is_there() -> None:
    """The one that began first appends last and commits first, as any batch of a worker may."""
    with transaction.atomic():
        Tally.objects.create(stream="probe-early")
        held = open_transaction(late)
        commit = held.__enter__()
        publish(Probed(n=2), stream="probe-early")
    try:
        newest = newest_position()
        assert not Event.objects.filter(stream="probe-late").exists()
        assert settled_position(0.05) is None
    finally:
        commit()
        held.__exit__(None, None, None)
    assert settled_position(60.0) == newest
    assert Event.objects.get(stream="probe-late").position < newest


def test_it_is_settled_as_soon_as_those_under_way_have_ended() -> None:
    with open_transaction(late) as commit:
        publish(Probed(n=2), stream="probe-early")
        found: list[int | None] = []

        def wait() -> None:
            found.append(settled_position(60.0))
            connection.close()

        waiting = threading.Thread(target=wait)
        waiting.start()
        commit()
        waiting.join(60)
    assert found == [newest_position()]


def test_what_appends_nothing_is_not_waited_for() -> None:
    """A long report, a forgotten UPDATE: neither has a position."""
    publish(Probed(n=1), stream="probe-1")
    with open_transaction(lambda: Tally.objects.create(stream="probe-2")):
        assert settled_position(0.0) == newest_position()


def test_an_append_that_was_undone_is_not_waited_for() -> None:
    def undone() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            late()
            raise ZeroDivisionError

    publish(Probed(n=1), stream="probe-1")
    with open_transaction(undone):
        assert settled_position(0.0) == newest_position()


def test_asking_costs_no_transaction_id() -> None:
    def following() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            found: int = cursor.fetchone()[0]
        return found

    publish(Probed(n=1), stream="probe-1")
    before = eventually(following)
    for _ in range(20):
        settled_position(0.0)
    assert following() == before
