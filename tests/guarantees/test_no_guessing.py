"""What is masked can't be guessed: no search, order or count tells a right guess from a wrong one.

Ways in come from the registries: addresses, the parameters that pages ask for in their code, live
views, the API's description, models of the admin with all their fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from eda_site.api import api
from flowdeck import publish
from flowdeck.dashboard.shell import finders
from flowdeck.live.views import _views
from flowdeck.models import AlertRule, ApiToken, Event, SavedView
from flowdeck.people import tokens
from flowdeck.testing import settle
from tests import every_page
from tests.accounts import person, signed_in
from tests.guarantees.matrix import looks
from tests.guarantees.test_hostile_text import names
from tests.probe.events import Told

pytestmark = pytest.mark.django_db(transaction=True)

RIGHT = {"ssn": "078-05-1120", "email": "anna@example.org", "mail": "anna@example.org"}
WRONG = {"ssn": "219-09-9999", "email": "otto@example.org", "mail": "otto@example.org"}
_WAYS = ("data.", "not.data.", "data__", "")
_LONG = {"window": "3600"}  # or the timeline forgets while it is asked
_FILTERED = ("/events/", "/timeline/")
MARK = "guess-me"  # in the name of their streams, which are shown


@pytest.fixture
def guessed() -> Client:
    """An event of a type that nobody declares any more, and one with a personal field."""
    now = datetime.now(UTC)
    Event.objects.bulk_create(
        Event(
            id=uuid4(),
            stream=f"{MARK}-{number}",
            sequence=1,
            type=kind,
            version=1,
            data=data,
            key=MARK,
            correlation_id=uuid4(),
            producer="test",
            occurred_at=now,
            recorded_at=now,
        )
        for number, (kind, data) in enumerate(
            [
                ("Former", {"ssn": RIGHT["ssn"], "n": 1}),
                ("Told", {"user_id": 7, "mail": RIGHT["mail"], "email": RIGHT["email"]}),
            ]
        )
    )
    publish(Told(user_id=7, email=RIGHT["email"]), stream=f"{MARK}-2")
    settle()
    return signed_in(person("admin"))


def all_at_once(guess: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same on pages that take no conditions: every field, and every name that code asks for."""
    yield {f"{way}{field}": text for field, text in guess.items() for way in _WAYS}
    yield dict.fromkeys(sorted(names()), guess["ssn"])


def queries(guess: dict[str, str]) -> Iterator[dict[str, str]]:
    """Every way of asking for a field: as a condition, negated, as a plain parameter, as words."""
    for field, value in guess.items():
        for name in (f"{way}{field}" for way in _WAYS):
            yield {name: value}
            yield {name: value, "type": "Former"}
            yield {name: value, "stream": f"{MARK}*"}
        yield {"field": field, "is": value}
        yield {"field": field, "field_not": "1", "is": value}
        yield dict.fromkeys(sorted(names()), value)


def seen(client: Client, path: str, query: dict[str, str]) -> tuple[int, int]:
    """The status, and how often the events are named."""
    answer = client.get(f"{path}?{urlencode({**query, **_LONG})}")
    body = b"".join(answer) if answer.streaming else answer.content
    return answer.status_code, body.decode().count(MARK)


@pytest.mark.long
def test_no_page_tells(guessed: Client) -> None:
    paths = {found[0].partition("?")[0] for found in every_page.pages().values() if found}
    told = [
        (path, right)
        for path in sorted(paths)
        for ask in [queries if path in _FILTERED else all_at_once]
        for right, wrong in zip(ask(RIGHT), ask(WRONG), strict=True)
        if seen(guessed, path, right) != seen(guessed, path, wrong)
    ]
    assert told == []


def test_what_is_shown_can_still_be_searched(guessed: Client) -> None:
    assert seen(guessed, "/events/", {"data.user_id": "7"})[1] > 0
    assert seen(guessed, "/events/", {"data.n": "1"}) == (
        200,
        seen(guessed, "/events/", {"data.n": "2"})[1],
    )
    page = guessed.get("/events/?type=Former&data.ssn=1").content.decode()
    assert "is not declared by any installed app" in page


def test_no_live_view_and_no_kept_filter_tells(guessed: Client) -> None:
    user = person("admin", "watcher")
    for name, view in _views.items():
        ask = queries if name in ("log", "log-count", "timeline") else all_at_once
        for right, wrong in zip(ask(RIGHT), ask(WRONG), strict=True):
            found = []
            for query in (right, wrong):
                argument = view.canonical(urlencode({**query, **_LONG}))
                if (
                    argument is None
                    or len(argument) > 900
                    or view.allowed(user, argument) is not None
                ):
                    continue
                shown = view(user if view.per_user else None, argument)
                found.append("".join(one.html for one in shown.regions()).count(MARK))
            assert len(set(found)) <= 1, (name, right)
    query = urlencode({"data.email": RIGHT["email"]})
    guessed.post("/events/views/", {"name": "kept", "query": query})
    assert not SavedView.objects.filter(query__contains="email").exists()


def _read(answer: Any) -> bytes:
    """A body; of the stream of events nothing: it goes on, and has no condition but the types."""
    if answer.streaming:
        answer.close()
        return b""
    return bytes(answer.content)


def test_no_operation_of_the_api_tells(guessed: Client) -> None:
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {tokens.issue(person('admin', 'bearer'))}"}
    description = api.get_openapi_schema()["paths"]
    event = Event.objects.latest("position")
    values = {
        "correlation_id": event.correlation_id,
        "position": event.position,
        "order_id": 1,
        "number": 1,
        "name": "supplier",
    }
    for method, path, address in looks.operations():
        if method != "GET":
            continue
        known = {one["name"] for one in description[path]["get"].get("parameters", ())}
        for right, wrong in zip(all_at_once(RIGHT), all_at_once(WRONG), strict=True):
            answers = [
                Client().get(f"{address.path(values)}?{urlencode(query)}", **bearer)
                for query in (right, wrong)
            ]
            assert len({_read(a).count(MARK.encode()) for a in answers}) == 1, (path, right)
        for name in known:
            for text in RIGHT.values():
                answer = Client().get(f"{address.path(values)}?{urlencode({name: text})}", **bearer)
                assert _read(answer).count(MARK.encode()) == 0, (path, name)


def test_the_admin_takes_no_look_up_of_any_field(guessed: Client) -> None:
    AlertRule.objects.create(name="x", kind="dead", threshold=1, webhook="https://secret.example/")
    tokens.issue(person("admin", "other"))
    assert ApiToken.objects.exists()
    engine = [model for model in admin.site._registry if model._meta.app_label == "flowdeck"]
    assert len(engine) > 5
    for model in engine:
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        fields = [field.name for field in model._meta.get_fields()]
        fields += ["data__ssn", "data__email", "event__data__ssn", "user__password"]
        for field in fields:
            for lookup in ("", "__startswith"):
                query = urlencode({f"{field}{lookup}": "0"})
                if query != "state=0":  # a filter of its own
                    assert guessed.get(f"{path}?{query}").status_code in (302, 400), query


def test_no_finder_finds_it(guessed: Client) -> None:
    user = person("admin", "finder")
    for value in RIGHT.values():
        assert finders.find(user, value).groups == []
        assert finders.find(user, value[:7]).groups == []


def test_dead_letters_are_not_found_by_it(guessed: Client) -> None:
    for name in ("search", "key", "type", "stream", "fingerprint", "processor"):
        for field in RIGHT:
            assert seen(guessed, "/dead-letters/", {name: RIGHT[field]}) == seen(
                guessed, "/dead-letters/", {name: WRONG[field]}
            )
