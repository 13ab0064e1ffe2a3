"""The flow map: declared and observed edges, figures of the processors, the panel."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.flow.choice import Choice
from flowdeck.dashboard.flow.facts import Edge, Facts, Node
from flowdeck.dashboard.flow.map import FlowMap
from flowdeck.declare.registry import Registry, registry
from flowdeck.engine.pause import pause
from flowdeck.live.changes import Changes
from flowdeck.live.views import find
from flowdeck.models import Attempt, Delivery, Event
from flowdeck.testing import settle
from tests.deliveries import change, remove
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless, hostile_event
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db
settling = pytest.mark.django_db(transaction=True)
HEARD = ("type:Probed", "processor:probe.atomic")
WROTE = ("processor:probe.atomic", "type:Echoed")


def test_what_is_declared_is_there_before_anything_happens() -> None:
    facts = Facts.load()
    edge = facts.edges[HEARD]
    assert (edge.declared, edge.seen, edge.words) == (True, False, "never seen")
    assert ("processor:payment", "type:PaymentRefunded") in facts.edges, "by its return annotation"
    assert ("processor:confirmation", "type:OrderConfirmed") in facts.edges, "by emits="
    assert WROTE not in facts.edges, "it does not say what it emits"


def test_a_type_seen_without_one_of_its_listeners_says_so() -> None:
    publish(Probed(n=1), stream="probe-1")
    remove(Delivery.objects.filter(processor="probe.atomic"))
    edge = Facts.load().edges[HEARD]
    assert (edge.mark, edge.words) == ("unseen", "not seen lately")


def test_what_is_seen_and_not_declared_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(Probed(n=1), stream="probe-1", producer="payment")
    change(Delivery.objects.filter(processor="probe.leased"), processor="former")
    facts = Facts.load()
    assert facts.edges["processor:payment", "type:Probed"].words == "not declared"
    assert facts.edges["type:Probed", "processor:former"].mark == "undeclared"
    assert not facts.nodes["processor:former"].declared


def test_what_goes_to_a_paused_processor_is_held_back(viewer: Client) -> None:
    pause("probe.atomic", by="me", reason="why not")
    publish(Probed(n=1), stream="probe-1")
    drawn = FlowMap.of(Facts.load(), Choice())
    line = next(line for line in drawn.lines if line.edge.link == HEARD)
    assert line.edge.held
    assert not line.dots, "nothing moves there"
    assert "paused, 1 held" in viewer.get("/flow/").content.decode()


def test_read_models_are_drawn_when_asked_for() -> None:
    facts = Facts.load()
    plain, whole = (FlowMap.of(facts, Choice(models=models)) for models in (False, True))
    assert plain.hidden == sum(p.replayable for p in registry.processors.values())
    assert whole.hidden == 0
    assert len(whole.places) == len(plain.places) + plain.hidden


def test_the_neighbourhood_of_a_type() -> None:
    drawn = FlowMap.of(Facts.load(), Choice(focus="type:OrderConfirmed"))
    names = {place.node.name for place in drawn.places}
    assert {"OrderConfirmed", "confirmation", "notification", "PaymentProcessed"} <= names
    assert "Probed" not in names
    assert "PaymentRefunded" not in names
    assert FlowMap.of(Facts.load(), Choice(focus="type:Nonsense")).places


@settling
def test_the_panel_says_what_comes_in_goes_out_and_failed(viewer: Client, operator: Client) -> None:
    publish(Probed(n=1, rejects="probe.atomic"), stream="probe-1", producer="tests")
    settle()
    panel = viewer.get("/flow/?node=processor:probe.atomic", headers={"HX-Request": "true"})
    text = panel.content.decode()
    assert "<html" not in text
    assert "Probed" in text
    assert "Reject" in text
    assert "you need the permission" in text
    assert (
        "?pause=probe.atomic" in operator.get("/flow/?node=processor:probe.atomic").content.decode()
    )
    page = viewer.get("/flow/?node=type:Probed").content.decode()
    assert 'aria-current="true"' in page
    assert "/catalog/Probed/" in page
    missing = viewer.get("/flow/?node=type:Nonsense", headers={"HX-Request": "true"})
    assert missing.status_code == 404
    assert viewer.get("/flow/?node=type:Nonsense").status_code == 200


@settling
def test_a_dead_letter_is_a_badge(viewer: Client) -> None:
    publish(Probed(n=1, rejects="probe.atomic"), stream="probe-1")
    settle()
    assert ", 1 dead" in viewer.get("/flow/").content.decode()


def test_nothing_declared_is_an_empty_page(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (
        "flowdeck.dashboard.flow.facts",
        "flowdeck.dashboard.shared.observed",
        "flowdeck.observe.overview",
    ):
        monkeypatch.setattr(f"{module}.registry", Registry())
    assert "Nothing flows yet" in viewer.get("/flow/").content.decode()


def test_only_who_sees_the_log_and_the_processors(customer: Client, viewer: Client) -> None:
    assert customer.get("/flow/").status_code == 403
    assert Client().get("/flow/").status_code == 302
    assert viewer.get("/flow/").status_code == 200


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(viewer: Client, text: str) -> None:
    hostile_event(text)
    kept = Event.objects.get()
    for key in (f"type:{kept.type}", f"producer:{kept.producer}", f"processor:{text[:64]}"):
        for url in ("/flow/", "/flow/?models=1"):
            page = viewer.get(url, {"node": key})
            assert page.status_code == 200
            assert_harmless(page.content.decode())
        for name in (f"flow:?focus={key}"[:400], f"flow-node:{key}"[:400]):
            found = find(name)
            assert found is not None
            view = found.view(None, found.argument)
            assert_harmless("".join(f.html for f in view.patch(Changes(unknown=True))))


@settling
def test_the_live_views_show_what_the_page_shows(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    for name, ids in (
        (
            "flow:?models=1",
            [
                "flow-marks",
                "flow-drawing",
                "flow-steps",
                "flow-window",
                "flow-jam",
                "flow-processors",
                "flow-connections",
            ],
        ),
        ("flow-node:type:Probed", ["flow-figures"]),
    ):
        found = find(name)
        assert found is not None
        view = found.view(None, found.argument)
        assert [fragment.id for fragment in view.regions()] == ids
        assert all(f'id="{f.id}"' in f.html and "hx-swap-oob" in f.html for f in view.regions())


@settling
def test_the_number_of_queries_is_constant(viewer: Client, django_assert_num_queries: Any) -> None:
    for count in (2, 40):
        publish(*[Probed(n=n, rejects="probe.atomic") for n in range(count)], stream="probe-1")
        settle()
        with django_assert_num_queries(23):  # shell 7; facts 16, of them the processors 8
            viewer.get("/flow/")
        with django_assert_num_queries(26):  # and kinds of failures, failures, retries
            viewer.get("/flow/?node=processor:probe.atomic")
    assert Attempt.objects.count() == 1


def test_what_was_never_used_is_hidden_until_asked_for(operator: Client) -> None:
    assert "Never used" not in operator.get("/flow/").content.decode(), "all is declared only"
    publish(Probed(n=1), stream="probe-1")
    settle()
    page = operator.get("/flow/").content.decode()
    assert 'data-node="type:OrderCreated"' not in page
    assert 'data-node="type:Probed"' in page
    assert "Never used" in page
    for query in ("unused=1", "focus=type:OrderCreated", "node=processor:payment"):
        page = operator.get(f"/flow/?{query}").content.decode()
        assert 'data-node="processor:payment"' in page
    pause("payment", by="mara", reason="x")
    assert 'data-node="processor:payment"' in operator.get("/flow/").content.decode()


@settling
def test_what_waits_and_what_fails_is_seen_on_the_map(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1", producer="tests")
    settle()
    assert "Nothing jams." in viewer.get("/flow/").content.decode()
    pause("probe.atomic", by="mara", reason="x")
    publish(*[Probed(n=n, rejects="probe.leased") for n in range(3)], stream="probe-1")
    settle()
    drawn = {place.node.name: place for place in FlowMap.of(Facts.load(), Choice()).places}
    held, failing = drawn["probe.atomic"], drawn["probe.leased"]
    assert (held.node.heat, held.node.pool) == ("paused", 3)
    assert held.pool.startswith("M-46.0 25.0C"), "it points at the middle of its box"
    assert failing.node.heat == "failing"
    page = viewer.get("/flow/").content.decode()
    assert "It jams at probe.atomic" in page
    assert "3 wait before probe.atomic, which mara paused." in page
    assert 'class="pool"' in page


def names(topology: str) -> set[str]:
    drawn = FlowMap.of(Facts.load(), Choice(topology=topology, models=True))
    return {place.node.name for place in drawn.places}


def test_the_flows_of_a_mediator_apart_from_the_others(viewer: Client) -> None:
    mediated, others = names("mediator"), names("broker")
    assert {"mediator", "OrderSubmitted", "PaymentRequested", "payment"} <= mediated
    assert not mediated & {"confirmation", "OrderCreated", "Probed"}
    assert {"confirmation", "OrderCreated", "payment", "PaymentProcessed", "Probed"} <= others
    assert not others & {"mediator", "OrderSubmitted", "PaymentRequested"}
    assert "InventoryReleased" in others, "it is written there, if only read models listen"
    page = viewer.get("/flow/").content.decode()
    assert 'href="?topology=mediator"' in page
    assert 'href="?topology=all"' in page
    assert Choice.of({}).topology == "broker", "what is looked at first is not both at once"
    focused = FlowMap.of(Facts.load(), Choice.of({"focus": "OrderSubmitted"}))
    assert "mediator" in {place.node.name for place in focused.places}, "found by its name"


def test_where_nobody_mediates_there_is_no_choice(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in registry.processors.values():
        monkeypatch.setitem(registry.processors, known.name, replace(known, mediates=False))
    assert "topology" not in viewer.get("/flow/").content.decode().replace('"Topology"', "")
    assert Choice.of({"topology": "mediator"}).topology == ""


def chain(length: int) -> FlowMap:
    """The map of processors that hear each other through types with long names."""
    kinds = ["type", "processor"] * length
    nodes = [
        Node(kind, f"PaymentRequested{at}" if kind == "type" else f"step{at}")
        for at, kind in enumerate(kinds[:length])
    ]
    edges = [Edge(a.key, b.key, 0.0, True, True) for a, b in pairwise(nodes)]
    facts = replace(
        Facts.load(), nodes={node.key: node for node in nodes}, edges={e.link: e for e in edges}
    )
    return FlowMap.of(facts, Choice())


def test_what_is_too_wide_is_shrunk_as_long_as_it_can_be_read(db: None) -> None:
    narrow, wider, hopeless = chain(7), chain(8), chain(30)
    assert [drawn.fit for drawn in (narrow, wider, hopeless)] == ["", "shrinks", ""]
    assert narrow.layout.width < wider.layout.width < hopeless.layout.width
