"""The drawer of an event: its chain, tries with the waits between them, and its neighbours."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.event.detail import deliveries_of
from flowdeck.dashboard.event.live import EventPeopleView, EventView
from flowdeck.dashboard.shared.waits import with_waits
from flowdeck.declare.states import DeliveryState
from flowdeck.letters import bulk, dead_letters, redelivery
from flowdeck.live import Changes
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.testing import settle
from tests.accounts import person
from tests.deliveries import change
from tests.flowdeck.dashboard.rows import Story, at
from tests.probe.events import Echoed, Probed


def drawer(client: Client, position: int) -> str:
    """What it says, without tags."""
    page = client.get(f"/events/{position}/", headers={"hx-request": "true"})
    assert page.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())))


def waits(*tries: tuple[float, float], state: str = "done", **fields: Any) -> list[Any]:
    """The waits after each try of a delivery to a processor that tries three times at once."""
    story = Story()
    row = story.delivery(story.event("Probed", 0), "probe.batch", *tries, state=state)
    for name, value in fields.items():
        setattr(row, name, value)
    (node,) = story.trace().deliveries
    return [tried.wait for tried in with_waits(row, node.tries)]


def test_between_tries_stands_how_long_it_waited_and_what_the_policy_could_give() -> None:
    first, second, last = waits((1, 2), (2.5, 3), (5, 6))
    assert (first.seconds, first.at_most, first.by_hand) == (0.5, 0.0, False)
    assert second.seconds == 2.0
    assert last is None, "it succeeded"


def test_the_last_wait_is_not_over_and_tells_when_the_next_try_is_due() -> None:
    (wait,) = waits((1, 2), state="retrying", due_at=at(6))
    assert (wait.seconds, wait.due_at, wait.given) == (None, at(6), 4.0)


def test_a_dead_letter_waits_for_nothing_until_a_person_retries_it() -> None:
    assert waits((1, 2), (2, 3), (3, 4), state="dead")[-1] is None
    again = waits((1, 2), (2, 3), (3, 4), (63, 64))[2]
    assert (again.seconds, again.at_most, again.by_hand) == (59.0, None, True)


def test_attempts_show_in_the_drawer_with_what_comes_next(operator: Client) -> None:
    position = publish(Probed(n=7, fails=2, by="probe.batch"), stream="probe-1").positions[0]
    settle()
    said = drawer(operator, position)
    assert "1 ProbeError: attempt 1 of 7" in said
    assert re.search(r"waited \d+ ms policy: up to 0 ms 2 ProbeError: attempt 2 of 7", said)
    row = Delivery.objects.get(event=position, processor="probe.batch")
    failure = Attempt.objects.filter(event=row.event_id, processor=row.processor).latest("number")
    due = failure.finished_at + timedelta(seconds=40)
    change(Delivery.objects.filter(pk=row.pk), state=DeliveryState.RETRYING, due_at=due)
    assert "policy gave 40.0 s of up to 0 ms" in drawer(operator, position)


def test_the_chain_names_who_made_what_of_what(operator: Client) -> None:
    cause = publish(Probed(n=1, echoes=1, fails=1), stream="probe-1").positions[0]
    settle()
    effect = Event.objects.get(type="Echoed", producer="probe.atomic")
    assert "Causes and effects Probed" in drawer(operator, cause)
    assert "probe.atomic, attempt 2 1 failed before Echoed" in drawer(operator, cause)
    assert re.search(
        rf"Probed {cause:,} probe.atomic, attempt 2 1 failed before Echoed {effect.position:,}",
        drawer(operator, effect.position),
    )


def test_its_neighbours_are_those_of_the_log(operator: Client) -> None:
    first, middle, last = publish(*[Probed(n=n) for n in range(3)], stream="probe-1").positions

    def links(position: int) -> list[str]:
        page = operator.get(f"/events/{position}/").content.decode()
        return re.findall(r'data-step="-?1" href="/events/(\d+)/"', page)

    assert links(middle) == [str(last), str(first)]
    assert links(first) == [str(middle)]
    assert links(last) == [str(middle)]


def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_num_queries: Any
) -> None:
    few = publish(Probed(n=1, echoes=1, fails=1), stream="probe-1").positions[0]
    many = publish(Probed(n=1, echoes=9, fails=2), stream="probe-2").positions[0]
    settle()
    for position in (few, many):
        with django_assert_num_queries(11):
            operator.get(f"/events/{position}/", headers={"hx-request": "true"})


def test_while_it_is_open_its_deliveries_and_effects_come_by_themselves(db: None) -> None:
    receipt = publish(Probed(n=1, echoes=1), stream="probe-1")
    view = EventView(None, str(receipt.positions[0]))
    before = "".join(fragment.html for fragment in view.regions())
    assert "pending" in before
    assert "Echoed" not in before
    settle()
    changes = Changes()
    changes.touch(99, receipt.correlation_id)
    after = "".join(fragment.html for fragment in view.patch(changes))
    assert "Echoed" in after
    assert "pending" not in after
    assert view.patch(Changes()) == []
    assert list(EventView.stale([view])) == [], "all is settled"


def test_only_whoever_sees_the_log_may_watch_an_event(db: None) -> None:
    operator = person("operator")
    assert EventView.allowed(operator, "1") is None
    assert EventView.allowed(person("customer"), "1") is not None
    assert EventView.allowed(operator, "1; DROP") is not None
    assert EventView(None, "4711").regions() == []


def test_an_event_nobody_listens_to_has_no_deliveries(db: None) -> None:
    publish(Echoed(n=1, by="x"), stream="probe-1")
    assert all(line.tries == [] for line in deliveries_of(Event.objects.get(type="Echoed")))


def dead(stream: str) -> Delivery:
    publish(Probed(n=1, rejects="probe.atomic"), stream=stream)
    settle()
    return Delivery.objects.get(event__stream=stream, processor="probe.atomic")


def test_what_people_did_with_it_is_told_to_whoever_sees_the_audit(
    operator: Client, viewer: Client, django_assert_num_queries: Any
) -> None:
    one, other = dead("probe-1"), dead("probe-2")
    untouched = drawer(operator, one.event_id)
    assert "What people did" not in untouched
    with django_assert_num_queries(11):
        operator.get(f"/events/{one.event_id}/", headers={"hx-request": "true"})
    dead_letters.retry([one.letter, other.letter], by="mara", reason="the printer is back")
    settle()
    assert "What people did mara: retry for probe.atomic, the printer is back" in drawer(
        operator, one.event_id
    )
    bulk.ask(
        "discard",
        dead_letters.Criteria(processor="probe.atomic", stream="probe-1"),
        by="jo",
        reason="too late",
    )
    bulk.advance_all()
    Delivery.objects.get(letter=one.letter, state=DeliveryState.DISCARDED)
    said = drawer(operator, one.event_id)
    assert "jo: discard for probe.atomic, too late" in said
    assert said.index("jo: discard") < said.index("mara: retry"), "the newest first"
    assert "jo" not in drawer(operator, other.event_id), "it was no letter of probe-1"
    choice = redelivery.Choice(positions=[one.event_id])
    redelivery.redeliver("probe.atomic", choice, by="kim", reason="mended")
    settle()
    with django_assert_num_queries(11):
        operator.get(f"/events/{one.event_id}/", headers={"hx-request": "true"})
    assert "kim: redeliver for probe.atomic, mended" in drawer(operator, one.event_id)
    assert "mara" not in drawer(viewer, one.event_id), "a viewer may not see the audit"


def test_a_letter_that_was_dealt_with_before_is_not_counted_for_whoever_came_later(
    operator: Client,
) -> None:
    one = dead("probe-1")
    assert dead_letters.discard([one.letter], by="mara", reason="first") == 1
    other = dead("probe-2")
    assert dead_letters.discard([one.letter, other.letter], by="jo", reason="second") == 1
    assert "jo" not in drawer(operator, one.event_id)
    assert "jo: discard for probe.atomic, second" in drawer(operator, other.event_id)


def test_what_people_do_while_it_is_open_comes_by_itself(db: None) -> None:
    one = dead("probe-1")
    view = EventPeopleView(None, str(one.event_id))
    (before,) = view.regions()
    assert "hidden" in before.html
    dead_letters.retry([one.letter], by="mara", reason="<b>why</b>")
    (after,) = view.regions()
    assert after.id == before.id == f"people-{one.event_id}"
    assert "mara: retry for probe.atomic" in after.html
    assert "&lt;b&gt;why" in after.html
    assert EventPeopleView(None, "4711").regions() == []
    mara = person("operator")
    assert EventPeopleView.allowed(mara, "1") is None
    assert EventPeopleView.allowed(mara, "1; DROP") is not None
    assert EventPeopleView.allowed(person("viewer"), "1") is not None
