"""Where no socket opens, plain HTTP brings the same regions to the same people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from flowdeck import clock, publish
from flowdeck.live.crowd import VIEWS_PER_SOCKET
from tests.accounts import person, signed_in
from tests.flowdeck.live.communicate import in_thread, tab
from tests.probe.events import Probed

pytestmark = [pytest.mark.django_db(transaction=True)]

ADDRESS = "/live/regions/"


def asked(client: Client, *names: str) -> dict[str, object]:
    answer = client.get(ADDRESS, {"view": list(names)})
    assert answer.status_code == 200
    found: dict[str, object] = json.loads(answer.content)
    return found


async def test_it_brings_what_a_socket_brings() -> None:
    await in_thread(publish)(Probed(n=1), stream="probe-1")
    user: User = await in_thread(person)("operator")
    client = await in_thread(signed_in)(user)
    async with tab(user) as browser:
        await browser.watch("log")
        polled = await in_thread(asked)(client, "log", "log")
    assert polled["html"] == browser.html
    assert polled["views"] == browser.frames[0]["views"] == ["log"]


@pytest.mark.postgres  # SQLite has no other clock than its host's
async def test_frames_have_the_time_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages on the page are counted from it: the web host's clock may be an hour behind."""
    ahead = timedelta(hours=1)
    real = clock._asked
    monkeypatch.setattr(clock, "_shared", clock._Shared())
    monkeypatch.setattr(clock, "_asked", lambda: (real()[0] + ahead, real()[1]))
    user: User = await in_thread(person)("operator")
    client = await in_thread(signed_in)(user)
    async with tab(user) as browser:
        await browser.watch("log")
        polled = await in_thread(asked)(client, "log")
    for at in (polled["at"], browser.frames[0]["at"]):
        assert datetime.fromisoformat(str(at)) > datetime.now(UTC) + ahead / 2


def test_what_is_not_granted_is_refused_as_on_a_socket() -> None:
    publish(Probed(n=1), stream="probe-1")
    polled = asked(signed_in(person("customer")), "log", "nothing", "orders")
    assert polled["views"] == ["orders"]
    assert "probe-1" not in str(polled["html"])
    refused = polled["refused"]
    assert isinstance(refused, list)
    assert [one["view"] for one in refused] == ["log", "nothing"]
    assert all(one["reason"] for one in refused)


def test_nobody_gets_more_of_it_than_of_a_socket() -> None:
    names = [f"log:stream=s-{number}" for number in range(VIEWS_PER_SOCKET + 3)]
    polled = asked(signed_in(person("operator")), *names)
    assert polled["views"] == names[:VIEWS_PER_SOCKET]


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_page() -> None:
    answer = Client().get(ADDRESS, {"view": "log"})
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")


def test_a_view_that_fails_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    from flowdeck.dashboard.logs import live as live_log

    monkeypatch.setattr(live_log, "rows_of", lambda events: 1 / 0)
    assert asked(signed_in(person("operator")), "log", "traces")["views"] == ["traces"]
