"""What is true of every page: it is listed, opens, and asks no more queries for more rows."""

from __future__ import annotations

from itertools import zip_longest

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flowdeck import Draft, publish
from flowdeck.testing import settle
from tests import every_page
from tests.probe.events import Probed

OPTIONAL = 6
"""Queries that a page may leave out: for what waits there are two, for a dense window four. A query
for each row would be at least nine more."""


def record(count: int) -> None:
    """Traces that went well, with effects; dead letters with work parked behind; new events."""
    for n in range(count):
        stream = f"probe-{count}-{n}"
        publish(Probed(n=n, echoes=2), stream=stream)
        publish(Probed(n=n, fails=9, by="probe.atomic"), stream=f"dead-{count}-{n}")
    settle()
    publish(*[Draft(Probed(n=n), stream=f"dead-{count}-{n}") for n in range(count)])
    publish(*[Draft(Probed(n=n), stream=f"last-{count}-{n}") for n in range(count)])


def queries(client: Client, most: int | None = None) -> dict[str, list[int]]:
    """How many each page asks, at each of its paths (or the first few)."""
    found: dict[str, list[int]] = {}
    for name, paths in every_page.pages().items():
        for path in paths[:most]:
            with CaptureQueriesContext(connection) as captured:
                answer = client.get(path)
                if answer.streaming:
                    list(answer.streaming_content)
            assert answer.status_code in (200, 302), path  # a hit leads to its page
            found.setdefault(name, []).append(len(captured))
    return found


def test_every_address_is_listed() -> None:
    # A page that is added to the site is to be measured and tested with the others.
    assert every_page.missing() == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "most", [1, pytest.param(None, marks=pytest.mark.long)], ids=["no filter", "all filters"]
)
def test_a_page_asks_as_often_for_many_rows_as_for_few(most: int | None) -> None:
    call_command("seed_demo")
    client = every_page.administrator()
    record(4)
    queries(client, most=1)  # what is asked once per process is known then
    few = queries(client, most)
    record(9)  # of each kind
    many = queries(client, most)
    growing = {
        (name, place): (before, after)
        for name in few
        for place, (before, after) in enumerate(zip_longest(few[name], many[name]))
        if after - before > OPTIONAL
    }
    assert set(many) == every_page.PAGES
    assert growing == {}
