"""Who is forgotten can't be read any more, anywhere; the log stays, and replays agree."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from flowdeck import load, publish, read_stream
from flowdeck.declare.personal import erasers
from flowdeck.errors import InvalidPayload, PersonalKeyUnreadable, RegistrationError
from flowdeck.models import AuditEntry, Delivery, Event, PersonalKey
from flowdeck.privacy.forgetting import forget, preview
from flowdeck.privacy.masking import MASK
from flowdeck.replay import runs
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.old_events import append_unchecked
from tests.probe.events import Introduced, Probed
from tests.probe.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = "ada@example.org"
BORN = date(1815, 12, 10)


def introduce(user_id: int = 7, email: str = MAIL) -> None:
    publish(Introduced(user_id=user_id, email=email, born=BORN), stream=f"person-{user_id}")


def stored(text: str) -> bool:
    """Whether the text is anywhere in the log as it is stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM flowdeck_event WHERE CAST(data AS text) LIKE %s", [f"%{text}%"]
        )
        return bool(cursor.fetchone()[0])


def read(user_id: int = 7) -> Any:
    return load(read_stream(f"person-{user_id}")[-1])


def verify() -> list[dict[str, Any]]:
    run = runs.execute(runs.request("verify", ["probe.contacts"], by="test").pk)
    assert run is not None
    assert run.state == "finished", run.error
    return run.result["models"][0]["differences"]


def test_personal_values_are_stored_sealed_and_read_as_they_were() -> None:
    introduce()
    assert not stored(MAIL)
    assert not stored("1815")
    assert read() == Introduced(user_id=7, email=MAIL, born=BORN)
    settle()
    assert Contact.objects.get() == Contact(7, MAIL, BORN)
    assert verify() == []


def test_who_is_forgotten_is_erased_everywhere_and_replays_agree() -> None:
    introduce(7)
    introduce(8, "grace@example.org")
    settle()
    before = list(Event.objects.values())
    told = io.StringIO()
    person("admin", "dpo")
    call_command("flowdeck", "forget", "7", "--reason", "asked for it", "--as", "dpo", stdout=told)
    assert "destroyed the key of subject 7" in told.getvalue()
    assert "probe.contacts: by its eraser, 1 row" in told.getvalue()
    assert list(Event.objects.values()) == before
    assert read(7) == Introduced(user_id=7, email="", born=date(1, 1, 1))
    assert read(8).email == "grace@example.org"
    assert Contact.objects.get(user_id=7).email == ""
    assert verify() == []
    entry = AuditEntry.objects.get(action="forget")
    assert (entry.who, entry.target, entry.reason) == ("dpo", "subject 7", "asked for it")
    assert PersonalKey.objects.get(subject="7").wrapped == ""


def test_a_dry_run_changes_nothing() -> None:
    introduce()
    told = io.StringIO()
    call_command("flowdeck", "forget", "7", "--dry-run", stdout=told)
    assert "would destroy" in told.getvalue()
    assert read().email == MAIL
    assert preview("8").keys == 0
    assert not AuditEntry.objects.exists()


def test_a_rebuild_that_has_read_before_brings_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    introduce()
    settle()
    Contact.objects.update(email="wrong")  # so that the rebuild has something to do
    asked = runs.request("rebuild", ["probe.contacts"], by="test")
    hold = runs._hold
    monkeypatch.setattr(runs, "_hold", lambda of: (forget("7", by="test"), hold(of)))
    run = runs.execute(asked.pk)
    assert run is not None
    assert (run.state, "forgotten meanwhile" in run.error) == ("failed", True)
    assert Contact.objects.get().email in ("", "wrong")
    assert not Contact.objects.filter(email=MAIL).exists()


def test_who_comes_back_gets_a_new_key() -> None:
    introduce()
    forget("7", by="test")
    introduce(7, "new@example.org")
    first, second = (load(event) for event in read_stream("person-7"))
    assert (first.email, second.email) == ("", "new@example.org")
    assert PersonalKey.objects.filter(subject="7").count() == 2


def test_an_old_version_is_sealed_under_its_old_name() -> None:
    introduce()
    key = Event.objects.get().data["email"]
    old = {"user_id": 7, "mail": "plain@example.org"}
    for data in (old, {**old, "mail": key}):
        append_unchecked("person-7", "Introduced", 1, data)
    _, plain, moved = read_stream("person-7")
    assert load(plain).email == "plain@example.org"  # stored before values were sealed
    with pytest.raises(InvalidPayload, match="can't be opened"):
        load(moved)  # a sealed value is bound to the field it was stored in
    forget("7", by="test")
    assert load(read_stream("person-7")[-1]).email == ""


def test_what_can_not_be_opened_is_a_dead_letter_and_the_others_go_on() -> None:
    introduce(7)
    introduce(8)
    PersonalKey.objects.filter(subject="7").update(wrapped="of another installation")
    settle()
    [dead] = Delivery.objects.filter(state="dead")
    assert dead.key == "person-7"
    assert "former FLOWDECK['PERSONAL_KEY']" in dead.failures.latest("number").message
    assert Contact.objects.get().user_id == 8
    with pytest.raises(PersonalKeyUnreadable, match="fallbacks"):
        introduce(7)


def test_the_installations_key_can_be_rotated() -> None:
    with override_settings(FLOWDECK={"PERSONAL_KEY": "first"}):
        introduce()
    with override_settings(
        FLOWDECK={"PERSONAL_KEY": "second", "PERSONAL_KEY_FALLBACKS": ["first"]}
    ):
        assert read().email == MAIL
        call_command("flowdeck", "forget", "--rewrap", stdout=io.StringIO())
    with override_settings(FLOWDECK={"PERSONAL_KEY": "second"}):
        assert read().email == MAIL
    assert AuditEntry.objects.get().action == "rewrap keys"


def test_keys_are_had_in_one_query_for_all_and_others_pay_nothing(
    django_assert_num_queries: Any,
) -> None:
    with transaction.atomic():
        with django_assert_num_queries(_queries()):
            publish(*[Probed(n=n) for n in range(20)], stream="probe-1")
        many = [Introduced(user_id=n, email=MAIL) for n in range(20)]
        with django_assert_num_queries(_queries() + 2):  # who has keys, keys for the others
            publish(*many, stream="people")
        with django_assert_num_queries(_queries() + 1):
            publish(*many, stream="people")
        with django_assert_num_queries(_queries()):  # nothing personal is in them
            publish(Introduced(user_id=7), stream="people")
    with django_assert_num_queries(2):
        events = read_stream("people")
    with django_assert_num_queries(0):
        assert [load(event).email for event in events] == [MAIL] * 40 + [""]


def _queries() -> int:
    return 3 if connection.vendor == "postgresql" else 8  # with those of the savepoint


def test_an_eraser_of_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(erasers, "probe.atomic", lambda subject: 0)
    with pytest.raises(RegistrationError, match="not a projection"):
        forget("7", by="test")
    with pytest.raises(CommandError, match="Say whom"):
        call_command("flowdeck", "forget")


def test_pages_and_api_show_a_mask_and_then_that_it_is_erased() -> None:
    introduce()
    client = signed_in(person("operator"))
    position = Event.objects.get().position
    pages = [
        f"/events/{position}/",
        "/catalog/Introduced/",
        f"/admin/flowdeck/event/{position}/change/",
    ]
    asked = {"reason": "she called"}
    reveal = f"/events/{position}/reveal/"
    assert MAIL in client.post(reveal, asked).content.decode()
    for forgotten in (False, True):
        for path in pages:
            shown = client.get(path).content.decode()
            assert ("erased" in shown) == forgotten, path
            # The catalog has an upcaster's sample as well, which has a mask.
            assert (MASK in shown) == (not forgotten or "catalog" in path), path
            assert "$sealed" not in shown
        (row,) = client.get("/api/v1/events?type=Introduced").json()["events"]
        assert row["data"]["email"] == ("erased" if forgotten else MASK)
        forget("7", by="test")
    assert "erased" in client.post(reveal, asked).content.decode()
    assert reveal not in client.get(pages[0]).content.decode(), "there is nothing left to reveal"
