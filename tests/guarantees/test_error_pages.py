"""Error pages ask the database nothing outside of their request's own thread.

What another thread opens, nobody closes: some dozens of wrong addresses would use up all there is.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_started
from django.db.backends.signals import connection_created

from eda_site.one_thread import OneThreadHandler
from tests.accounts import person, signed_in
from tests.flowdeck.live.communicate import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


async def answered(application: ASGIHandler, path: str, session: str) -> tuple[int, str]:
    """Status and text, as an ASGI server gets them."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [
            (b"host", b"testserver"),
            (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()),
        ],
    }
    server = ApplicationCommunicator(application, scope)
    await server.send_input({"type": "http.request", "body": b""})
    start, body = await server.receive_output(30), await server.receive_output(30)
    await server.wait(30)
    return start["status"], body["body"].decode()


@pytest.fixture
def threads() -> Any:
    """Threads in which requests begin, and those in which connections are opened."""
    seen: dict[str, set[int]] = {"request": set(), "connection": set()}

    def begins(**_: Any) -> None:
        seen["request"].add(threading.get_ident())

    def opened(**_: Any) -> None:
        seen["connection"].add(threading.get_ident())

    request_started.connect(begins)
    connection_created.connect(opened)
    yield seen
    request_started.disconnect(begins)
    connection_created.disconnect(opened)


def session_of_a_customer() -> str:
    return str(signed_in(person("customer")).cookies[settings.SESSION_COOKIE_NAME].value)


@pytest.mark.parametrize(
    ("handler", "path", "status", "whose"),
    [
        (OneThreadHandler, "/none/", 404, "the person's"),
        (OneThreadHandler, "/lab/class/", 403, "the person's"),
        (ASGIHandler, "/none/", 404, "nobody's"),
        (ASGIHandler, "/lab/class/", 403, "the person's"),  # rendered by the view, in its thread
    ],
)
async def test_an_error_page_opens_no_connection_in_another_thread(
    handler: type[ASGIHandler], path: str, status: int, whose: str, threads: dict[str, set[int]]
) -> None:
    """This site's handler, and Django's own, which a project of somebody else has."""
    session = await in_thread(session_of_a_customer)()
    threads["connection"].clear()
    answer, page = await answered(handler(), path, session)
    assert answer == status
    assert threads["connection"] <= threads["request"]
    assert ('aria-label="Sign out"' in page) is (whose == "the person's")
