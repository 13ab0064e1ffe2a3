"""A form that is sent twice acts once, and both get the first one's answer."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connection
from django.test import Client

from flowdeck import publish
from flowdeck.declare.event import Draft
from flowdeck.letters import dead_letters
from flowdeck.models import ApiToken, AuditEntry, BulkAction, Delivery, Submission
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
RESOLVE = "/dead-letters/resolve/"


def die(count: int) -> list[int]:
    event = Probed(n=1, fails=99, by="probe.atomic")
    publish(*[Draft(event, stream=f"held-{n}") for n in range(count)])
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([\w-]+)"', page)
    assert found is not None, name
    return found[1]


def answered_question(client: Client) -> dict[str, str]:
    form = {"action": "retry", "processor": "probe.atomic"}
    asked = client.post(RESOLVE, form).content.decode()
    ask = asked[asked.index('class="dl-ask') :]
    return {**form, "confirmed": field(ask, "confirmed"), "once": field(ask, "once")}


def test_a_double_click_makes_one_bulk_action(operator: Client) -> None:
    die(3)
    form = answered_question(operator)
    first, second = operator.post(RESOLVE, form), operator.post(RESOLVE, form)
    assert first.status_code == second.status_code == 302
    assert first.headers["Location"] == second.headers["Location"]
    assert BulkAction.objects.get().total == 3


def test_three_at_the_same_moment_make_one_too(operator: Client) -> None:
    die(3)
    form, statuses = answered_question(operator), []
    together = threading.Barrier(3)

    def send(client: Client) -> None:
        together.wait(60)
        statuses.append(client.post(RESOLVE, form).status_code)
        connection.close()

    clients = [Client() for _ in range(3)]
    for client in clients:
        client.cookies = operator.cookies
    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302, 302, 302]
    assert BulkAction.objects.count() == 1


def test_one_letter_is_retried_once_although_it_failed_again_at_once(operator: Client) -> None:
    [letter] = die(1)
    page = operator.get(f"/dead-letters/{letter}/").content.decode()
    form = {"action": "retry", "letter": letter, "once": field(page, "once")}
    operator.post(RESOLVE, form)
    settle()
    assert operator.post(RESOLVE, form).status_code == 302
    assert Delivery.objects.get(letter=letter).state == "dead"
    assert AuditEntry.objects.filter(action="retry").count() == 1
    operator.post(RESOLVE, {**form, "action": "discard", "reason": "x"})  # another action
    again = operator.get(f"/dead-letters/{letter}/").content.decode()
    operator.post(RESOLVE, {**form, "once": field(again, "once")})
    assert AuditEntry.objects.filter(action="retry").count() == 2


def test_what_was_asked_again_may_be_sent_again(operator: Client) -> None:
    die(2)
    form = answered_question(operator)
    assert operator.post(RESOLVE, {**form, "confirmed": "other"}).status_code == 422
    assert operator.post(RESOLVE, {**form, "confirmed": "other"}).status_code == 422
    assert not Submission.objects.exists()


def test_the_same_key_of_somebody_else_is_another_form(operator: Client) -> None:
    form = {"name": "nightly", "scope": "read", "once": "k"}
    other = signed_in(person("operator", "olga"))
    answers = [client.post("/account/tokens/", form) for client in (operator, operator, other)]
    assert [answer.status_code for answer in answers] == [201, 302, 201]
    assert ApiToken.objects.count() == 2


def test_a_refusal_is_in_the_audit_although_it_acted_on_nothing() -> None:
    viewer = signed_in(person("viewer"))
    for _ in range(2):
        assert viewer.post(RESOLVE, {"action": "retry", "once": "k"}).status_code == 403
    assert AuditEntry.objects.filter(allowed=False).count() == 2
