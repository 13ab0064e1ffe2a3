"""The page that answers why, the ways that lead there, and the same by the API."""

from __future__ import annotations

from html import unescape
from urllib.parse import unquote

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.models import Due, Event, Timer
from flowdeck.people import tokens
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.flowdeck.connect.declared import a_connector, forget
from tests.probe.events import Probed, Told

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "ada@example.org"


def page(client: Client, of: str, status: int = 200) -> str:
    answer = client.get("/why/", {"of": of})
    assert answer.status_code == status
    return unescape(answer.content.decode())


@pytest.fixture
def letter() -> Due:
    """Dead, with one more of its key behind it, and somebody's address in its event."""
    publish(Probed(n=1, rejects="probe.atomic"), stream="held")
    publish(Probed(n=2), stream="held")
    publish(Told(user_id=1, email=SECRET), stream="told")
    settle()
    return Due.objects.filter(processor="probe.atomic", state="dead").get()


def test_it_answers_with_the_first_cause_first(operator: Client, letter: Due) -> None:
    shown = page(operator, "held")
    rest = shown.partition("First cause: ")[2]
    assert f"probe.atomic has Probed of held as dead letter {letter.letter}" in rest
    assert f'href="/dead-letters/{letter.letter}/"' in rest
    assert "the event says so" in rest
    assert "frees 1 delivery behind it" in rest
    assert "Looked at and ruled out" in shown
    behind = Event.objects.filter(stream="held").latest("sequence")
    parked = page(operator, f"event:{behind.position}")
    assert f"dead letter {letter.letter}" in parked
    assert "to keep the order of its key" in parked


def test_nothing_personal_is_told(operator: Client, letter: Due) -> None:
    for of in (
        "told",
        "probe.told",
        *(f"letter:{one.letter}" for one in Due.objects.filter(state="dead")),
    ):
        shown = page(operator, of)
        assert SECRET not in shown
    assert "no mailbox '••••'" in page(operator, "told")


def test_without_a_question_it_says_what_is_worth_asking(operator: Client, letter: Due) -> None:
    shown = page(operator, "")
    assert f"Probed of held, dead letter {letter.letter}" in shown
    assert "Nothing is called that" in page(operator, "nobody-7", 404)
    done = page(operator, "probe.batch")
    assert "probe.batch: nothing is wrong" in done or "No worker is alive" in done


def test_where_something_is_shown_one_may_ask_about_it(operator: Client, letter: Due) -> None:
    publish(Probed(n=3), stream="later", in_=600, timer="t")
    name = a_connector()
    event = Event.objects.filter(stream="held").earliest("sequence")
    ways = {
        f"/traces/{event.correlation_id}/": f"trace:{event.correlation_id}",
        f"/events/{event.position}/": f"event:{event.position}",
        "/processors/probe.atomic/": "processor:probe.atomic",
        f"/dead-letters/{letter.letter}/": f"letter:{letter.letter}",
        "/timers/": f"timer:{Timer.objects.get().pk}",
        "/connectors/": f"connector:{name}",
    }
    try:
        for address, of in ways.items():
            shown = unquote(unescape(operator.get(address, follow=True).content.decode()))
            assert f'href="/why/?of={of}"' in shown, address
            assert "Why not?" in shown
            page(operator, of)
    finally:
        forget()


def test_who_may_not_see_the_log_may_not_ask(customer: Client, letter: Due) -> None:
    page(customer, "held", 403)


def test_the_api_gives_the_same(letter: Due) -> None:
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {tokens.issue(person('viewer'))}"}
    answer = Client().get("/api/v1/why", {"of": "held"}, **bearer)
    told = answer.json()
    assert answer.status_code == 200
    assert told["of"] == {"kind": "stream", "name": "held"}
    assert (told["well"], told["needs_a_person"]) == (False, True)
    assert told["facts"][0]["kind"] == "dead"
    assert told["facts"][0]["link"] == {"kind": "letter", "name": str(letter.letter)}
    assert Client().get("/api/v1/why", {"of": "nothing"}, **bearer).status_code == 404
    other = {"HTTP_AUTHORIZATION": f"Bearer {tokens.issue(person('customer', 'other'))}"}
    assert Client().get("/api/v1/why", {"of": "held"}, **other).status_code == 403
    assert signed_in(person("operator", "o2")).get("/api/v1/why?of=held").status_code == 200
