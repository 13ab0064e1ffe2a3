"""Hostile text in every field: refused cleanly, or kept and shown as text, everywhere."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from flowdeck import publish
from flowdeck.errors import PublishError
from flowdeck.live.changes import Changes
from flowdeck.live.views import _views
from tests import hostile
from tests.accounts import signed_in
from tests.addresses import addresses
from tests.guarantees.matrix import looks
from tests.guarantees.matrix.scene import Scene, build
from tests.probe.events import Echoed

pytestmark = pytest.mark.django_db(transaction=True)

SENT = {
    "markup": hostile.MARKUP,
    "nul": "a\x00b",
    "huge": "x" * 100_000,
    "number": "-" + "9" * 40,
    "deep": json.dumps(hostile.nested(hostile.DEEP)),
}
_ROOT = Path(__file__).parents[2]
_ASKED_FOR = re.compile(r'\.(?:get|getlist|text|position|one_of|time|uuid|short)\(\s*"([a-z_]+)"')


@pytest.fixture
def made() -> dict[str, Any]:
    return hostile.fill(hostile.HUGE)  # it begins with markup


def assert_harmless(answer: Any, where: str) -> str:
    body = b"".join(answer) if answer.streaming else answer.content
    text = str(body.decode())
    assert answer.status_code < 500, where
    if answer.get("Content-Type", "").startswith("text/html"):
        assert hostile.Page(text).harm == [], where
    return text


@pytest.mark.long
def test_every_page_shows_what_is_kept_as_text(made: dict[str, Any]) -> None:
    client, seen = signed_in(made["user"]), 0
    place = hostile.values(made)
    for address in addresses():
        for query in (
            "",
            f"?selected={place['position']}&delivery={place['position']}-probe.atomic&by=stream",
        ):
            if not address.name.endswith("logout"):
                where = f"{address.name}{query}"
                text = assert_harmless(client.get(address.path(place) + query), where)
                seen += "alert(1)" in text or "evil.example" in text
    assert seen > 20  # it is shown


def test_live_fragments_show_it_as_text(made: dict[str, Any]) -> None:
    arguments = {"trace": str(made["event"].correlation_id), "experiment": "ripple"}
    position = str(made["event"].position)
    arguments |= {"processor": "probe.atomic:24h", "processes": "mediator?"}
    arguments |= {"flow-node": "type:Probed", "event": position, "event-people": position}
    arguments["letter"] = str(made["Due"].letter)
    for name, view in _views.items():
        shown = view(made["user"] if view.per_user else None, arguments.get(name, ""))
        fragments = [*shown.regions(), *shown.patch(Changes(unknown=True))]
        html = "".join(one.html for one in fragments)
        assert hostile.Page(html).harm == [], name
        assert html.count("<hx-partial") == html.count("</hx-partial>"), name


def test_exports_hold_no_formula() -> None:
    client = signed_in(hostile.fill(hostile.FORMULA)["user"])
    text = assert_harmless(client.get("/audit/export/"), "csv")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    lines = assert_harmless(client.get("/audit/export/?form=jsonl"), "jsonl").splitlines()
    assert all(json.loads(line)["who"] for line in lines)


@pytest.fixture
def scene(settings: Any) -> Scene:
    settings.DEMO = True
    return build()


def names() -> list[str]:
    """What pages ask of a query or a form, found in their code."""
    files = [
        f
        for app in ("flowdeck", "events", "processors", "lab")
        for f in (_ROOT / app).rglob("*.py")
    ]
    return sorted({name for file in files for name in _ASKED_FOR.findall(file.read_text())})


@pytest.mark.long
@pytest.mark.parametrize("turn", [0, 1])
def test_whatever_is_sent_is_kept_as_text_or_refused(turn: int, scene: Scene) -> None:
    asked = names()
    assert {"reason", "q", "stream", "note", "query"} <= set(asked)
    # Every other name gets the same one; in the other turn it gets another one.
    texts = list(SENT.values())[2 * turn : 2 * turn + 2] * len(asked)
    form = dict(zip(asked, texts, strict=False))
    client = scene.browser("admin")
    # An address has its limit before Django sees it, so a shorter text does there.
    short = urlencode({name: text[:1000] for name, text in form.items()})
    for address in looks.pages():
        if address.name.endswith(("logout", "login", "readyz")):
            continue  # readyz says 503 for as long as no worker is there
        path = address.path(scene.values)
        assert_harmless(client.get(f"{path}?{short}"), f"GET {address.name}")
        assert_harmless(client.post(path, form), f"POST {address.name}")
        odd = dict.fromkeys(scene.values, quote(texts[0][:100], safe=""))
        numbers = {name: value for name, value in scene.values.items() if str(value).isdigit()}
        assert_harmless(client.get(address.path({**odd, **numbers})), f"path {address.name}")


def test_one_action_at_a_time_with_hostile_words(scene: Scene) -> None:
    """Forms that need a valid choice to get to where the text is kept."""
    client = scene.browser("operator")
    for text in SENT.values():
        for path, form in (
            ("/processors/probe.atomic/pause/", {"reason": text}),
            ("/events/views/", {"name": text, "query": "type=Probed"}),
            ("/account/tokens/", {"name": text, "scope": "read"}),
            (
                f"/dead-letters/groups/{scene.values['fingerprint']}/",
                {"status": "acknowledged", "note": text},
            ),
            (
                "/dead-letters/resolve/",
                {
                    "action": "retry",
                    "letter": scene.values["flowdeck:letter number"],
                    "reason": text,
                },
            ),
            (f"/events/{scene.values['position']}/reveal/", {"reason": text}),
        ):
            assert_harmless(client.post(path, form, follow=True), path)
    for path in ("/processors/", "/events/", "/account/", "/audit/", "/dead-letters/"):
        assert_harmless(client.get(path), path)


def test_names_that_are_no_utf8_are_refused(scene: Scene) -> None:
    client = scene.browser("admin")
    for broken in ("%ED%A0%80", "%FF%FE", "%00", "%C0%80"):
        for path in (f"/catalog/{broken}/", f"/events/?type={broken}", f"/search/?q={broken}"):
            assert_harmless(client.get(path), path)


@pytest.mark.parametrize("text", SENT.values(), ids=SENT)
def test_an_event_with_it_is_stored_whole_or_refused(text: str) -> None:
    if "\x00" in text:
        with pytest.raises(PublishError, match="NUL"):
            publish(Echoed(n=1, by=text), stream="echo-1")
        return
    position = publish(Echoed(n=1, by=text), stream="echo-1").positions[0]
    client = signed_in(hostile.fill("operator")["user"])
    shown = client.get(f"/api/v1/events?after={position - 1}&limit=1").json()["events"][0]
    assert shown["data"]["by"] == text


@pytest.mark.parametrize("text", ["a\x00b", "x" * 100_000, "\ud800", ""], ids=range(4))
def test_a_stream_name_that_no_database_takes_is_refused(text: str) -> None:
    with pytest.raises(PublishError):
        publish(Echoed(n=1, by=""), stream=text)
