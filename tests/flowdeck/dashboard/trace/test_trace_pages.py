"""The list of traces and the page of one."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django.test import Client

from flowdeck import correlation, publish
from flowdeck.models import Delivery, Event
from flowdeck.testing import settle
from tests.probe.events import Probed


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def trace_of(**payload: Any) -> str:
    """The address of a settled trace."""
    receipt = publish(Probed(**payload), stream="probe-1")
    settle()
    return f"/traces/{receipt.correlation_id}/"


def test_a_trace_shows_its_events_deliveries_and_attempts(operator: Client) -> None:
    page = text(operator, trace_of(n=1, echoes=1, fails=2, by="probe.batch"))
    assert page.count('role="treeitem"') == len(re.findall(r"<li class=\"wr ", page))
    for word in ("Probed", "Echoed", "probe.batch", "3 attempts", "attempt 1", "ProbeError"):
        assert word in page
    assert "queue" in page
    assert "retry wait" in page


def test_an_attempt_shows_its_traceback(operator: Client) -> None:
    url = trace_of(n=1, fails=2, by="probe.batch")
    delivery = Delivery.objects.get(processor="probe.batch")
    page = text(operator, f"{url}?delivery={delivery.name}&attempt=1")
    assert "attempt 1 of 1" in page
    assert "tests/probe/processors.py" in page or "probe/processors.py" in page
    assert "idempotency key" in page
    assert 'aria-selected="true"' in page


def test_choices_that_make_no_sense_change_nothing(operator: Client) -> None:
    url = trace_of(n=1)
    for query in ("delivery=x", "delivery=999999", "attempt=7", "folded=1,x,3", "idle=7"):
        assert operator.get(f"{url}?{query}").status_code == 200


def test_a_dead_letter_is_the_outcome(operator: Client) -> None:
    assert "dead letter" in text(operator, trace_of(n=1, rejects="probe.batch"))


def test_a_trace_under_way_is_watched(operator: Client) -> None:
    receipt = publish(Probed(n=1), stream="probe-1")
    page = text(operator, f"/traces/{receipt.correlation_id}/")
    assert f'data-live-view="trace:{receipt.correlation_id}"' in page
    assert "so far" in page


def test_a_trace_that_is_not_there_is_not_found(operator: Client) -> None:
    assert operator.get(f"/traces/{uuid4()}/").status_code == 404


def test_the_newest_traces_come_first_in_pages(operator: Client) -> None:
    for n in range(50):
        publish(Probed(n=n), stream=f"probe-{n}")
    page = text(operator, "/traces/")
    shown = re.findall(r">probe-(\d+)</a>", page)
    assert shown == [str(n) for n in range(49, 9, -1)]
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    assert re.findall(r">probe-(\d+)</a>", text(operator, older[1])) == [
        str(n) for n in range(9, -1, -1)
    ]


def test_no_traces_yet(operator: Client) -> None:
    assert "No traces yet" in text(operator, "/traces/")


def under_way(events: int, stream: str) -> str:
    """The address of a trace of which something failed and something waits behind it."""
    with correlation() as context:
        publish(*[Probed(n=n, rejects="probe.batch") for n in range(events)], stream=stream)
        settle()
        publish(Probed(n=99), stream=stream)
    return f"/traces/{context.correlation_id}/"


def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_num_queries: Any
) -> None:
    small, large = under_way(1, "probe-1"), under_way(30, "probe-2")
    for url in (small, large):
        # shell 9, events, deliveries, failures, held, lanes, timers, what was removed
        with django_assert_num_queries(16):
            operator.get(url)
    with django_assert_num_queries(18):  # and the highest position and the first events
        operator.get("/traces/")
    for n in range(20):
        publish(Probed(n=n), stream=f"probe-{n}")
    with django_assert_num_queries(18):
        operator.get("/traces/")


def test_a_huge_trace_is_cut_and_says_so(operator: Client) -> None:
    receipt = publish(*[Probed(n=n) for n in range(1100)], stream="probe-1")
    page = text(operator, f"/traces/{receipt.correlation_id}/")
    assert "The first 1,000 of 1,100 events are drawn" in page
    assert page.count('role="treeitem"') == 500
    assert Event.objects.count() == 1100
