"""The dead-letter console: what it shows, what it asks, what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.event.live import EventView
from flowdeck.dashboard.letters.live import DeadLettersView, LettersView, LetterView
from flowdeck.dashboard.trace.live import TraceView
from flowdeck.declare.event import Draft
from flowdeck.letters import bulk, dead_letters
from flowdeck.letters.dead_letters import Criteria
from flowdeck.models import Attempt, BulkAction, Delivery
from flowdeck.testing import settle
from tests.deliveries import change
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def die(count: int = 3, note: str = "") -> list[int]:
    event = Probed(n=1, fails=99, by="probe.atomic")
    publish(*[Draft(event, stream=f"held{note}-{n}") for n in range(count)])
    settle()
    return list(dead_letters.dead().values_list("letter", flat=True))


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/dead-letters/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_any_it_says_what_would_be_here(viewer: Client) -> None:
    assert "No dead letters" in page(viewer)


def test_a_group_and_its_letters(operator: Client) -> None:
    letters = die()
    fingerprint = Delivery.objects.get(letter=letters[0]).fingerprint
    assert "ProbeError" in page(operator)
    shown = page(operator, f"?fingerprint={fingerprint}")
    assert re.findall(r'id="letter-(\d+)"', shown) == list(map(str, letters))
    assert "3 of 3 shown" in shown
    for by in ("processor", "type", "stream"):
        assert "probe.atomic" in page(operator, f"?by={by}")


def test_a_letter_shows_every_attempt_its_traceback_and_data(operator: Client) -> None:
    [letter] = die(1)
    shown = operator.get(f"/dead-letters/{letter}/").content.decode()
    assert "attempt 3 of 1" in shown
    assert "behave" in shown
    assert "&quot;n&quot;" in shown
    assert "Nothing waits behind it" in shown


def test_one_letter_is_retried_at_once(operator: Client) -> None:
    [letter] = die(1)
    form = {"action": "retry", "letter": letter}
    assert operator.post("/dead-letters/resolve/", form).status_code == 302
    assert Delivery.objects.get(letter=letter).state == "pending"
    told = operator.post("/dead-letters/resolve/", form, follow=True).content.decode()
    assert "Somebody was faster" in told


def test_a_letter_that_is_tried_again_stays_in_the_list_beside_it(operator: Client) -> None:
    [letter] = die(1)
    group = Delivery.objects.get(letter=letter).fingerprint
    form = {"action": "retry", "letter": letter, "back": f"fingerprint={group}"}
    told = operator.post("/dead-letters/resolve/", form, follow=True).content.decode()
    assert f'id="letter-{letter}"' in told
    assert f'data-live-view="letters:{letter}"' in told
    other = operator.get(f"/dead-letters/{letter}/?processor=probe.leased").content.decode()
    assert f'id="letter-{letter}"' not in other
    assert f'id="letter-{letter}"' not in page(operator, f"?fingerprint={group}")


def seen(question: HttpResponse) -> str:
    """What a question says it is about."""
    found = re.search(r'name="confirmed" value="(\w+)"', question.content.decode())
    assert found is not None
    return found[1]


def test_nobody_discards_a_letter_that_they_did_not_see(operator: Client) -> None:
    """One was discarded and an older one died between question and answer: as many as before."""
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream="dies-last")
    held = Delivery.objects.get(processor="probe.atomic", event__stream="dies-last")
    with unsettled(held):
        first, *_ = die()
    form = {"action": "discard", "processor": "probe.atomic", "reason": "a test"}
    asked = operator.post("/dead-letters/resolve/", form)
    assert "Discard 3 dead letters?" in asked.content.decode()
    dead_letters.discard([first], by="olga", reason="hers")
    settle()
    answer = operator.post("/dead-letters/resolve/", {**form, "confirmed": seen(asked)})
    assert answer.status_code == 422
    assert "Meanwhile it is other letters: 3 now" in answer.content.decode()
    assert not BulkAction.objects.exists()
    held.refresh_from_db()
    assert held.state == "dead"


def test_what_dies_after_the_answer_is_left_alone_although_it_is_older(operator: Client) -> None:
    publish(Probed(n=1, fails=99, by="probe.atomic"), stream="dies-last")
    held = Delivery.objects.get(processor="probe.atomic", event__stream="dies-last")
    with unsettled(held):
        die()
    row = bulk.ask("discard", Criteria(processor="probe.atomic"), by="olga", reason="a test")
    settle()
    bulk.advance_all()
    row.refresh_from_db()
    assert (row.state, row.asked) == ("finished", 3)
    held.refresh_from_db()
    assert held.state == "dead"


@contextmanager
def unsettled(delivery: Delivery) -> Iterator[None]:
    """It waits, while others are worked on."""
    change(Delivery.objects.filter(pk=delivery.pk), state="done")
    yield
    change(Delivery.objects.filter(pk=delivery.pk), state="pending")


def test_more_than_one_are_asked_about_first(operator: Client) -> None:
    die()
    form = {"action": "retry", "processor": "probe.atomic"}
    asked = operator.post("/dead-letters/resolve/", form)
    assert asked.status_code == 200
    assert "Retry 3 dead letters?" in asked.content.decode()
    assert not BulkAction.objects.exists()
    stale = operator.post("/dead-letters/resolve/", {**form, "confirmed": "3"})
    assert stale.status_code == 422
    assert "Meanwhile it is other letters: 3 now" in stale.content.decode()
    confirmed = operator.post("/dead-letters/resolve/", {**form, "confirmed": seen(stale)})
    assert confirmed.status_code == 302
    assert BulkAction.objects.get().total == 3
    assert "<b>0</b> of 3 asked for" in page(operator)


def test_a_discard_needs_a_reason_and_can_be_undone(operator: Client) -> None:
    [letter] = die(1)
    form = {"action": "discard", "letter": letter}
    form["confirmed"] = seen(operator.post("/dead-letters/resolve/", form))
    refused = operator.post("/dead-letters/resolve/", form)
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    operator.post("/dead-letters/resolve/", {**form, "reason": "a test"})
    row = BulkAction.objects.get()
    operator.post(f"/dead-letters/bulk/{row.pk}/cancel/")
    bulk.advance_all()
    assert Delivery.objects.get(letter=letter).state == "dead"
    again = operator.post(f"/dead-letters/bulk/{row.pk}/cancel/", follow=True)
    assert "had ended already" in again.content.decode()


def test_a_filter_that_names_nothing_chooses_nothing(operator: Client) -> None:
    die()
    form = {"action": "retry", "processor": "probe.atomic", "stream": "\x00"}
    asked = operator.post("/dead-letters/resolve/", form).content.decode()
    assert "Retry 0 dead letters?" in asked


def test_filters_search_and_status_leave_out_what_does_not_fit(operator: Client) -> None:
    [letter] = die(1)
    assert "ProbeError" in page(operator, "?processor=probe.atomic&search=attempt")
    assert "Nothing fits the filter" in page(operator, "?search=nowhere")
    assert "Nothing fits the filter" in page(operator, "?status=acknowledged")
    assert "ProbeError" in page(operator, "?status=open")
    assert page(operator, "?came_back=1").count('class="dl-group"') == 0
    named = operator.get(f"/dead-letters/?search={letter}")
    assert named["Location"] == f"/dead-letters/{letter}/"
    assert (
        operator.get("/dead-letters/?search=held-0")["Location"] == "/dead-letters/?stream=held-0"
    )


def test_all_that_a_filter_leaves_are_retried_from_its_button(operator: Client) -> None:
    die()
    shown = page(operator, "?stream=held-1")
    assert "Retry 1…" in shown
    asked = operator.post("/dead-letters/resolve/?stream=held-1", {"action": "retry"})
    assert "Retry 1 dead letter?" in asked.content.decode()


def test_nothing_chosen_does_nothing(operator: Client) -> None:
    die()
    answer = operator.post("/dead-letters/resolve/", {"action": "retry"}, follow=True)
    assert "Choose at least one letter" in answer.content.decode()
    assert not BulkAction.objects.exists()


def test_a_group_is_put_on_hold_with_a_note(operator: Client) -> None:
    [letter] = die(1)
    url = f"/dead-letters/groups/{Delivery.objects.get(letter=letter).fingerprint}/"
    operator.post(url, {"status": "on hold", "hours": "8", "note": "waits for the bank"})
    assert "on hold until" in page(operator)
    operator.post(url, {"status": "acknowledged"})
    assert "acknowledged by operator" in page(operator)


def test_a_viewer_sees_why_it_may_only_look(viewer: Client) -> None:
    die(1)
    shown = page(viewer)
    assert "you need the permission flowdeck.retry_dead_letters" in shown
    assert 'value="retry"' not in shown
    form = {"action": "retry", "letter": dead_letters.dead().get().letter}
    assert viewer.post("/dead-letters/resolve/", form).status_code == 403


PLACES = ("letter", "trace", "event")


def place(letter: int, name: str) -> str:
    """Where its failure is read."""
    event = Delivery.objects.select_related("event").get(letter=letter).event
    return {
        "letter": f"/dead-letters/{letter}/",
        "trace": f"/traces/{event.correlation_id}/?delivery={event.position}-probe.atomic",
        "event": f"/events/{event.position}/",
    }[name]


@pytest.mark.parametrize("name", PLACES)
def test_a_retry_where_the_failure_is_read_tells_its_outcome_there(
    operator: Client, name: str
) -> None:
    [letter] = die(1)
    url = place(letter, name)
    shown = operator.get(url).content.decode()
    assert re.search('form="(retry-one|one-letter)"', shown)
    once = re.findall(r'name="once" value="([\w-]+)"', shown)[-1]
    form = {"action": "retry", "letter": letter, "from": name, "once": once}
    asked = operator.post("/dead-letters/resolve/", form, follow=True)
    assert asked.redirect_chain[-1][0] == url
    assert "Retried by hand: it waits for a worker." in asked.content.decode()
    settle()
    told = operator.get(url).content.decode()
    assert "Retried by hand: it failed again at attempt 4, and is dead again." in told
    if name != "event":
        assert "3 of at most 3, then 1 after a retry by hand" in told


def test_who_looks_on_sees_the_outcome_live(operator: Client) -> None:
    [letter] = die(1)
    event = Delivery.objects.select_related("event").get(letter=letter).event
    views = [
        TraceView(None, f"{event.correlation_id}?delivery={letter}"),
        EventView(None, str(event.position)),
        LetterView(None, str(letter)),
    ]
    dead_letters.retry([letter], by="olga")
    settle()
    for view in views:
        sent = "".join(fragment.html for fragment in view.regions())
        assert "it failed again at attempt 4" in sent, view
        assert f'value="{letter}"' in sent or 'form="one-letter"' in sent, view
    [row] = LettersView(None, str(letter)).regions()
    assert "attempt 4" in row.html


def test_a_group_of_which_nothing_is_dead_any_more_loses_its_buttons(operator: Client) -> None:
    [letter] = die(1)
    view = DeadLettersView(None, "")
    group = f"group-{Delivery.objects.get(letter=letter).fingerprint}"
    first = {fragment.id: fragment.html for fragment in view.regions()}
    assert "data-none" not in first[group]
    dead_letters.retry([letter], by="olga")
    then = {fragment.id: fragment.html for fragment in view.regions()}
    assert "data-none" in then[group]  # the style sheet hides what it can't do


def test_the_number_in_the_table_is_what_both_searches_find(operator: Client) -> None:
    publish(*[Probed(n=n) for n in range(3)], stream="others")
    die(2)
    for letter in dead_letters.dead():
        row = page(operator, "?processor=probe.atomic").split(f'id="letter-{letter.letter}"')[1]
        shown = re.findall(r'<td class="num mono">([\d,]+)</td>', row)[0]
        for address in ("/dead-letters/?search=", "/search/?q="):
            found = operator.get(f"{address}{shown}")
            text = found.headers.get("Location", "") + found.content.decode()
            assert f"/dead-letters/{letter.letter}/" in text, address


def test_the_filter_of_a_processor_is_kept(operator: Client) -> None:
    die(1)
    link = "/dead-letters/?processor=probe.atomic"
    assert f'href="{link}"' in operator.get("/processors/").content.decode()
    shown = page(operator, link.removeprefix("/dead-letters/"))
    ways = re.search(r'aria-label="Group by">(.*?)</nav>', shown, re.DOTALL)
    assert ways is not None
    assert len(re.findall("processor=probe.atomic", ways[1])) == 4
    fingerprint = Delivery.objects.get(processor="probe.atomic").fingerprint
    opened = page(operator, f"?processor=probe.atomic&fingerprint={fingerprint}")
    closes = re.search(r'<a class="tw" href="([^"]+)" aria-expanded="true"', opened)
    assert closes is not None
    assert closes[1] == "?processor=probe.atomic"


def test_a_viewer_is_offered_no_retry_anywhere(viewer: Client) -> None:
    [letter] = die(1)
    for name in PLACES:
        shown = viewer.get(place(letter, name)).content.decode()
        assert 'form="retry-one"' not in shown
        assert 'form="one-letter"' not in shown


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(operator: Client, text: str) -> None:
    publish(Probed(n=1, fails=99, by="probe.atomic", echoes=0), stream="held", producer=text[:64])
    settle()
    letter = dead_letters.dead().get()
    Attempt.objects.filter(event=letter.event_id).update(
        message=text, error=text[:200], frame=text[:300]
    )
    for url in ("", f"?processor={letter.processor}", f"{letter.letter}/", "?by=stream"):
        assert_harmless(page(operator, url))


@pytest.mark.parametrize("query", ["?by=x", "?after=x&processor=y", "?fingerprint=%00", "?stream="])
def test_a_query_that_makes_no_sense_finds_nothing(operator: Client, query: str) -> None:
    die(1)
    assert "Dead letters" in page(operator, query)


def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    counts = set()
    for count in (2, 40):
        die(count, f"-{count}")
        for query in ("", "?processor=probe.atomic"):
            with django_assert_max_num_queries(24) as asked:
                page(operator, query)
            counts.add((query, len(asked)))
    assert len(counts) == 2, counts
