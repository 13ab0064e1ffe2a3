"""The connectors: how far behind they are, and their switches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

from flowdeck import publish
from flowdeck.connect import control, refused
from flowdeck.connect.messages import Refusal
from flowdeck.dashboard.connectors.live import ConnectorsView
from flowdeck.dashboard.flow.facts import Facts
from flowdeck.log.append import read_log
from flowdeck.models import AuditEntry, Connector
from flowdeck.people import tokens
from tests.accounts import person
from tests.flowdeck.connect.declared import a_connector, forget
from tests.probe.events import Probed


@pytest.fixture
def name() -> Iterator[str]:
    yield a_connector()
    forget()


def words(client: Client, path: str = "/connectors/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_without_connectors_it_says_how_to_declare_one(operator: Client) -> None:
    assert "No connectors are declared" in words(operator)


def test_it_shows_how_far_behind_an_outlet_is(operator: Client, name: str) -> None:
    publish(Probed(n=1), Probed(n=2), stream="a")
    shown = words(operator)
    assert "probe-idle" in shown
    assert "nobody runs it" in shown
    assert re.search(r"Outlets 1 1 behind", shown)
    Connector.objects.create(name=name, error="It is away.", last_error="It is away.")
    assert "It is away." in words(operator)
    html = "".join(part.html for part in ConnectorsView(None, "").regions())
    assert 'id="connector-probe-idle"' in html
    assert "tried again" in html


def test_the_flow_map_shows_where_it_goes(operator: Client, name: str) -> None:
    publish(Probed(n=1), stream="a")
    edges = Facts.load().edges
    assert edges["type:Probed", f"processor:{name}"].mark == "unseen"
    Connector.objects.create(name=name, moved=1)
    assert Facts.load().edges["type:Probed", f"processor:{name}"].mark == ""


def test_the_flow_map_shows_how_it_does(operator: Client, name: str) -> None:
    publish(*[Probed(n=n) for n in range(25)], stream="a")
    node = f"processor:{name}"
    assert "outlet, 25 behind" in words(operator, "/flow/?unused=1")
    assert Facts.load().nodes[node].pool == 25
    Connector.objects.create(name=name, paused_at="2026-11-30T10:00Z", paused_by="olga")
    assert "paused, 25 behind" in words(operator, "/flow/?unused=1")
    facts = Facts.load()
    assert facts.nodes[node].heat == "paused"
    assert facts.edges["type:Probed", node].held
    panel = words(operator, f"/flow/?node={node}")
    assert "Outlet to probe" in panel
    assert "paused by olga" in panel


def test_pausing_needs_a_reason_and_is_noted(operator: Client, name: str) -> None:
    assert "Why?" in words(operator, f"/connectors/?pause={name}")
    assert operator.post(f"/connectors/{name}/pause/", {"reason": " "}).status_code == 422
    assert operator.post(f"/connectors/{name}/pause/", {"reason": "a test"}).status_code == 302
    assert "paused by" in words(operator)
    assert operator.post(f"/connectors/{name}/resume/").status_code == 302
    assert "paused by" not in words(operator)
    actions = AuditEntry.objects.order_by("id").values_list("action", "target")
    assert list(actions) == [("pause", f"connector {name}"), ("resume", f"connector {name}")]
    for verb in ("pause", "resume"):
        assert operator.post(f"/connectors/none/{verb}/", {"reason": "x"}).status_code == 404


def test_a_rewind_shows_first_what_it_comes_to(operator: Client, name: str) -> None:
    last = publish(Probed(n=1), Probed(n=2), stream="a").positions[1]
    dry = words(operator, f"/connectors/?rewind={name}&to={last}")
    assert re.search(r"Never sent 2", dry)
    assert "is no position" in words(operator, f"/connectors/?rewind={name}&to=-1")
    sent = {"to": str(last), "seen": "0", "reason": "skipped on purpose"}
    path = f"/connectors/{name}/rewind/"
    assert operator.post(path, {**sent, "reason": ""}).status_code == 422
    assert operator.post(path, {**sent, "seen": "7"}).status_code == 422
    assert operator.post(path, {**sent, "to": str(last + 1)}).status_code == 422
    assert operator.post(path, sent).status_code == 302
    assert Connector.objects.get().position == last


def test_a_rewind_to_a_time_is_one_to_what_was_recorded_since(operator: Client, name: str) -> None:
    first, last = publish(Probed(n=1), Probed(n=2), stream="a").positions
    Connector.objects.create(name=name, position=last)
    long_ago = words(operator, f"/connectors/?rewind={name}&to=2026-01-01T10:00")
    assert re.search(rf"To {first - 1:,} Sent again 2", long_ago)
    later = words(operator, f"/connectors/?rewind={name}&to=2100-01-01")
    assert re.search(rf"To {last:,} Sent again 0", later)
    for text in ("yesterday", "0001-01-01T00:00"):
        shown = words(operator, f"/connectors/?rewind={name}&to={text}")
        assert re.search("no position|no day", shown)


def test_held_keys_are_named(operator: Client, name: str) -> None:
    position = publish(Probed(n=1), Probed(n=2), stream="a").positions[0]
    assert "It holds back no key." in words(operator, f"/connectors/?held={name}")
    events = read_log()
    with transaction.atomic():
        refused.keep(name, [(events[0], Refusal(0, "TooBad", "No."))], events[1:])
    assert re.search(
        rf"a {position:,} , 1 dead letter, 1 behind", words(operator, f"/connectors/?held={name}")
    )
    token = tokens.issue(get_user_model().objects.get())
    client = Client(headers={"Authorization": f"Bearer {token}"})
    found = {"key": "a", "first": position, "letters": 1, "waiting": 1}
    assert client.get(f"/api/v1/connectors/{name}/held").json() == [found]


def test_who_may_only_look_is_told_so(viewer: Client, name: str) -> None:
    assert "you need the permission" in words(viewer, f"/connectors/?rewind={name}")
    assert viewer.post(f"/connectors/{name}/pause/", {"reason": "x"}).status_code == 403
    assert not Connector.objects.exists()


@pytest.mark.django_db
def test_the_api_does_the_same(name: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {tokens.issue(person('operator'))}"})

    def post(path: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = client.post(f"/api/v1/connectors/{path}", json.dumps(body), "application/json")
        return answer.status_code, answer.json()

    (at,) = publish(Probed(n=1), stream="a").positions
    (row,) = client.get("/api/v1/connectors").json()
    assert (row["name"], row["behind"], row["runs"]) == (name, 1, False)
    status, paused = post(f"{name}/pause", reason="a test")
    assert (status, paused["pause_reason"]) == (200, "a test")
    assert post(f"{name}/resume")[1]["paused_at"] is None
    assert post(f"{name}/rewind", to=at, reason="look")[1]["skipped"] == 1
    since = post(f"{name}/rewind", to="2026-01-01T00:00:00Z", reason="look")[1]
    assert (since["to"], since["again"]) == (at - 1, 0)
    assert Connector.objects.get().position == 0
    assert post(f"{name}/rewind", to=at, reason="x", act=True, seen=5)[0] == 422
    assert post(f"{name}/rewind", to=at, reason="x", act=True, seen=0)[0] == 200
    assert post("none/pause", reason="x")[0] == 404
    assert control.would_rewind(name, 0).again == 1
