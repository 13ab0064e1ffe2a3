"""A trace that leaves over a connector and comes back is one, and its page says how it went."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.connect import intake, relay
from flowdeck.connect.envelope import messages
from flowdeck.log.append import read_log
from flowdeck.models import Connector, Event
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.flowdeck.connect.brokers import Redis
from tests.flowdeck.connect.declared import INLET, OUTLET, Make, MakeIn, put
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return signed_in(person("operator"))


def tree(operator: Client, correlation_id: object) -> str:
    page = operator.get(f"/traces/{correlation_id}/").content.decode()
    drawn = page[page.index('role="tree"') : page.index("</ol>", page.index('role="tree"'))]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", drawn))


def test_an_answer_is_an_effect_of_what_it_answers(broker: Redis, make_in: MakeIn) -> None:
    asked = publish(Probed(n=1), stream="a")
    (question,) = read_log()
    source = make_in()
    in_trace = {"correlationid": str(asked.correlation_id)}
    put(broker, source.source, 2, via=str(question.id), **in_trace)
    put(broker, source.source, 3, via=str(uuid4()), **in_trace)  # of some other log
    put(broker, source.source, 4, via=str(question.id))  # in a trace of its own
    put(broker, source.source, 5, via="nonsense", **in_trace)
    assert intake.run_once(source) == 4
    causes = dict(Event.objects.values_list("data__n", "causation_id"))
    assert causes == {1: None, 2: question.id, 3: None, 4: None, 5: None}


def test_what_a_message_causes_names_it_to_whoever_sent_it(broker: Redis, make_in: MakeIn) -> None:
    source, message = make_in(), str(uuid4())
    headers = {"specversion": "1.0", "id": message, "source": "/parcels", "type": "told"}
    broker.put(source.source, {**headers, "subject": "a"}, b'{"n": 1, "echoes": 1, "by": ""}')
    intake.run_once(source)
    settle()
    events = read_log()
    assert {one.type for one in events} == {"Probed", "Echoed"}
    told = {one.attributes["via"] for one in messages("to", "masked", events)}
    assert told == {message}


def test_its_page_shows_where_it_came_from_and_went(
    broker: Redis, make: Make, make_in: MakeIn, operator: Client, settings: Any
) -> None:
    publish(Probed(n=0), stream="a")
    source = make_in()
    put(broker, source.source, 1)
    intake.run_once(source)
    out = make(start="end")
    elsewhere = {"TRACES_ELSEWHERE": {OUTLET: "https://there.example/traces/{correlation_id}/"}}
    settings.FLOWDECK = {**settings.FLOWDECK, **elsewhere}
    came = Event.objects.get(data__n=1)
    relay.create(out)
    shown = tree(operator, came.correlation_id)
    assert f"from /crm by inlet {INLET}" in shown
    assert OUTLET not in shown  # it was there before the outlet began
    receipt = publish(Probed(n=2), stream="a")
    assert re.search(
        rf"to {out.to} by outlet {OUTLET} waits", tree(operator, receipt.correlation_id)
    )
    Connector.objects.filter(pk=OUTLET).update(paused_at="2026-11-30T10:00Z")
    assert re.search(rf"by outlet {OUTLET} paused", tree(operator, receipt.correlation_id))
    Connector.objects.filter(pk=OUTLET).update(paused_at=None)
    relay.run_once(out)
    shown = tree(operator, receipt.correlation_id)
    assert re.search(rf"by outlet {OUTLET} handed on its trace there", shown)
    page = operator.get(f"/traces/{receipt.correlation_id}/").content.decode()
    assert f'href="https://there.example/traces/{receipt.correlation_id}/"' in page


def test_graph_sequence_and_mermaid_show_it_too(
    broker: Redis, make: Make, make_in: MakeIn, operator: Client
) -> None:
    source = make_in()
    out = make()
    put(broker, source.source, 1, source="/<b>crm")
    intake.run_once(source)
    relay.create(out)
    path = f"/traces/{Event.objects.get().correlation_id}/"

    def drawn(view: str) -> str:
        page = operator.get(f"{path}?view={view}").content.decode()
        assert "<b>crm" not in page
        svg = page[page.index(f'<svg class="{"seq" if view == "sequence" else view}"') :]
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", svg[: svg.index("cutnote")]))

    graph, sequence = drawn("graph"), drawn("sequence")
    assert f"From /&lt;b&gt;crm by inlet {INLET} from /&lt;b&gt;crm" in graph
    assert f"To {out.to} by outlet {OUTLET}: waits" in graph
    assert f"from /&lt;b&gt;crm by {INLET}" in sequence
    assert f"To {out.to} by outlet {OUTLET}: waits waits" in sequence
    assert "nobody listens" not in drawn("sequence")
    relay.run_once(out)
    for view in ("graph", "sequence"):
        assert f"by outlet {OUTLET}: handed on" in drawn(view)
    text = operator.get(f"{path}mermaid/").content.decode()
    assert re.search(rf"Note left of p0: from /_b_crm by inlet {INLET}", text)
    assert re.search(r"p0-->>p\d: Probed to [\w.-]+, handed on", text)
