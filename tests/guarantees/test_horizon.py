"""Who reads the log by position misses nothing: up to where it is settled, all can be seen."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from flowdeck import publish, telemetry
from flowdeck.dashboard.logs.live import LogCountView, LogView
from flowdeck.live import pulse
from flowdeck.live.announce import Announcer
from flowdeck.log.horizon import settled_position
from flowdeck.log.positions import newest_position
from flowdeck.models import Event
from tests.flowdeck.api.conftest import Caller, person
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Tally
from tests.under_way import open_transaction

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,  # on SQLite nobody appends before the other has committed
]


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


def test_a_poller_of_the_api_misses_nothing() -> None:
    operator = Caller(person("olga", "operator"))
    first = publish(Probed(n=1), stream="probe-first").positions[0]

    def poll(after: int) -> tuple[list[str], int, bool]:
        page = operator.get("/events", after=after).json()
        streams = [event["stream"] for event in page["events"]]
        return streams, page["next"] or page["settled_to"], page["held_up"]

    with open_transaction(late) as commit:
        last = publish(Probed(n=2), stream="probe-last").positions[0]
        streams, following, held_up = poll(first - 1)
        assert (streams, following, held_up) == (["probe-first"], first, True)
        assert poll(following) == ([], first, True)
        commit()
    assert poll(following) == (["probe-late", "probe-last"], last, False)
    assert poll(last) == ([], last, False)


def test_pages_show_at_once_what_is_committed_and_later_what_came_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction that nobody ends must not freeze them; its events come where they belong."""
    publish(Probed(n=1), stream="probe-first")
    told = Announcer()
    monkeypatch.setattr(told, "_ring", lambda: None)
    log, count = LogView(None, ""), LogCountView(None, "")
    with open_transaction(late) as commit:
        publish(Probed(n=2), stream="probe-last")
        assert "probe-last" in "".join(part.html for part in log.regions())
        assert "2" in count.regions()[0].html
        before = pulse.take()
        telemetry.subscribe(telemetry.Appended, told.appended)
        commit()
    telemetry.unsubscribe(telemetry.Appended, told.appended)
    assert "probe-late" in "".join(part.html for part in log.patch(told._pending))
    assert "3" in count.patch(told._pending)[0].html
    assert pulse.take()[-1] != before[-1], "without any bell as well"
