"""Bulk actions: exact, resumable, graduated, cancellable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection

from flowdeck import publish
from flowdeck.declare.event import Draft
from flowdeck.letters import bulk, dead_letters
from flowdeck.letters.dead_letters import Criteria
from flowdeck.letters.groups import BY, groups, resolved_lately, set_status, totals
from flowdeck.letters.held_back import held_back
from flowdeck.models import AuditEntry, BulkAction, Delivery
from flowdeck.testing import settle
from tests.guarantees.test_exactly_once import Crash, crash_at
from tests.probe import processors
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
LETTERS = 12


@pytest.fixture
def letters() -> list[int]:
    """Dead letters of probe.atomic, each with one delivery parked behind it."""
    dying = Probed(n=1, fails=99, by="probe.atomic")
    publish(*[Draft(dying, stream=f"held-{n}") for n in range(LETTERS)])
    publish(*[Draft(Probed(n=2), stream=f"held-{n}") for n in range(LETTERS)])
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


@pytest.fixture
def mended(letters: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)


def work_off(row: BulkAction, rounds: int = 20) -> BulkAction:
    for _ in range(rounds):
        bulk.advance_all()
        settle()
        row.refresh_from_db()
        if row.state != "running":
            return row
    raise AssertionError(f"It is still running: {row}")


def states() -> set[str]:
    return set(Delivery.objects.filter(processor="probe.atomic").values_list("state", flat=True))


def test_all_that_fit_are_retried_and_what_waited_goes_on(mended: None) -> None:
    row = work_off(bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator"))
    assert (row.state, row.asked, row.total) == ("finished", LETTERS, LETTERS)
    assert states() == {"done"}
    entry = AuditEntry.objects.get(action="retry")
    assert (entry.who, entry.count) == ("operator", LETTERS)


def test_chunks_go_on_where_the_last_one_ended(
    mended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 7)
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator")
    bulk.advance_all(seconds=0)
    row.refresh_from_db()
    assert row.asked == 7
    assert work_off(row).asked == LETTERS


def test_a_crash_in_a_chunk_loses_and_doubles_nothing(
    mended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 10)
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator")
    with monkeypatch.context() as patched:
        crash_at(patched, (BulkAction, "save"), 2, after=False)
        with pytest.raises(Crash):
            bulk.advance_all()
    connection.close()
    assert work_off(row).asked == LETTERS
    letters = Delivery.objects.filter(processor="probe.atomic", event__data__fails=99)
    assert set(letters.values_list("state", "retried")) == {("done", 1)}


def test_a_graduated_retry_stops_at_the_first_that_comes_back(letters: list[int]) -> None:
    row = work_off(
        bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator", graduated=True)
    )
    assert (row.state, row.asked) == ("stopped", 1)
    assert bulk.came_back(row) == 1
    assert groups()[0].came_back == 1
    assert dead_letters.dead().count() == LETTERS


def test_a_graduated_retry_goes_on_while_all_succeed(mended: None) -> None:
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator", graduated=True)
    seen = []
    while row.state == "running":
        bulk.advance_all()
        row.refresh_from_db()
        seen.append(row.asked)
        settle()
    assert seen[:3] == [1, 11, LETTERS]
    assert states() == {"done"}


def test_cancelled_means_exactly_so_many(mended: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 10)
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator")
    bulk.advance_all(seconds=0)
    assert bulk.cancel(row.pk, by="other")
    assert not bulk.cancel(row.pk, by="other")
    bulk.advance_all()
    settle()
    row.refresh_from_db()
    assert (row.state, row.asked) == ("cancelled", 10)
    assert dead_letters.dead().count() == LETTERS - 10


def test_a_discard_can_be_undone_before_it_begins(letters: list[int]) -> None:
    criteria = Criteria(ids=tuple(letters[:3]))
    row = bulk.ask("discard", criteria, by="operator", reason="test", delay=bulk.UNDO_SECONDS)
    bulk.advance_all()
    assert dead_letters.dead().count() == LETTERS
    assert bulk.cancel(row.pk, by="operator")
    again = bulk.ask("discard", criteria, by="operator", reason="test", delay=60)
    BulkAction.objects.filter(pk=again.pk).update(begins_at=datetime.now(UTC))  # time passes
    assert work_off(again).asked == 3
    assert Delivery.objects.filter(state="discarded").count() == 3


def test_a_rate_holds_in_any_second_also_if_it_begins_late(
    mended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator", per_second=5)
    began = bulk.clock.now() + timedelta(seconds=90)  # no worker was there before
    asked = []
    for tenths in range(0, 27, 3):
        at = began + timedelta(seconds=tenths / 10)
        monkeypatch.setattr(bulk, "clock", SimpleNamespace(now=lambda at=at: at))
        bulk.advance_all()
        row.refresh_from_db()
        asked.append((tenths, row.asked))
    assert asked[0] == (0, 5)
    for begin, before in asked:
        within = [total for tenths, total in asked if begin < tenths < begin + 10]
        assert max(within, default=before) - before <= 5, asked
    assert asked[-1][1] == LETTERS  # nor is it slower than it may be


def test_a_letter_that_dies_of_something_else_came_back_too(
    letters: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = groups()[0].value
    row = bulk.ask("retry", Criteria(fingerprint=group, ids=tuple(letters[:2])), by="operator")

    def otherwise(event: object, delivery: object) -> None:
        raise KeyError("another one")

    monkeypatch.setattr(processors, "behave", otherwise)
    work_off(row)
    seen = bulk.progress(row)
    assert (seen.done, seen.came_back) == (0, 2)


def test_letters_that_others_took_are_not_counted(mended: None, letters: list[int]) -> None:
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator")
    assert dead_letters.retry(letters[:4], by="second") == 4
    assert work_off(row).asked == LETTERS - 4


def test_letters_that_die_later_are_left_alone(letters: list[int]) -> None:
    row = bulk.ask("discard", Criteria(processor="probe.atomic"), by="operator", reason="test")
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream="later")
    settle()
    assert work_off(row).asked == LETTERS
    assert dead_letters.dead().count() == 1


def test_groups_say_how_many_why_and_what_waits(letters: list[int]) -> None:
    [group] = groups()
    assert (group.count, group.title, group.processor) == (LETTERS, "ProbeError", "probe.atomic")
    assert sum(group.per_hour) == LETTERS
    assert group.sample is not None
    assert "in behave" in group.sample.frame
    assert group.keys == LETTERS
    assert totals().letters == LETTERS
    for by in BY:
        assert held_back(by).all == (LETTERS, LETTERS)
    assert held_back().groups == {group.value: (LETTERS, LETTERS)}
    assert [g.count for g in groups("stream")] == [1] * LETTERS
    assert [g.title for g in groups("type")] == ["Probed"]


def test_what_is_being_done_about_a_group_is_kept(letters: list[int]) -> None:
    fingerprint = groups()[0].value
    set_status(fingerprint, "on hold", by="operator", note="waits for the bank", hours=1)
    assert groups()[0].on_hold
    set_status(fingerprint, "open", by="operator")
    assert not groups()[0].on_hold
    with pytest.raises(ValueError, match="forgotten"):
        set_status(fingerprint, "forgotten", by="operator")


def test_a_failure_that_comes_back_opens_its_group_again(letters: list[int]) -> None:
    fingerprint = groups()[0].value
    set_status(fingerprint, "acknowledged", by="operator")
    assert groups()[0].standing == "acknowledged"
    dead_letters.retry(letters[:1], by="operator")
    settle()
    [group] = groups()
    assert (group.came_back, group.reopened, group.standing) == (1, True, "open")
    set_status(fingerprint, "acknowledged", by="operator")  # seen, and put aside again
    assert groups()[0].standing == "acknowledged"


def test_a_group_is_resolved_once_all_of_it_succeeded(mended: None, letters: list[int]) -> None:
    fingerprint = groups()[0].value
    dead_letters.retry(letters, by="operator")
    assert resolved_lately() == []  # under way
    settle()
    [row] = resolved_lately()
    assert (row.fingerprint, row.retried_by) == (fingerprint, "operator")
    assert row.title == "ProbeError in probe.atomic"


def test_progress_counts_what_became_of_each(letters: list[int]) -> None:
    row = bulk.ask("retry", Criteria(processor="probe.atomic"), by="operator")
    bulk.advance_all()
    row.refresh_from_db()
    seen = bulk.progress(row)
    assert (seen.asked, seen.under_way, seen.came_back) == (LETTERS, LETTERS, 0)
    settle()
    seen = bulk.progress(row)
    assert (seen.done, seen.under_way, seen.came_back) == (0, 0, LETTERS)


def test_all_dead_letters_of_a_key_are_chosen_by_it(letters: list[int]) -> None:
    wanted = Criteria.parse({"processor": "probe.atomic", "key": "held-3"})
    assert wanted.letters().get().key == "held-3"
    assert not Criteria.parse({**wanted.as_dict(), "came_back": True}).letters().exists()
