"""The conformance of RabbitMQ, which takes its time to start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from flowdeck.connect import intake, relay
from flowdeck.connect.standing import standings
from flowdeck.models import Connector, Due
from tests.flowdeck.connect import declared
from tests.flowdeck.connect.brokers import Broker, RabbitMQ, a_rabbit
from tests.flowdeck.connect.declared import INLET, OUTLET, Make, MakeIn, put
from tests.flowdeck.connect.test_conformance import *  # noqa: F403
from tests.flowdeck.connect.test_conformance import first_time, logged, published
from tests.flowdeck.connect.test_conformance_in import *  # noqa: F403
from tests.flowdeck.connect.test_conformance_in import taken_in
from tests.polling import eventually

make, make_in = declared.make, declared.make_in  # fixtures
_REFUSED = ("ACCESS_REFUSED", "access to vhost '/' refused for user 'flow'")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with a_rabbit(tmp_path_factory.mktemp("rabbit")) as started:
        yield started


def following(work: Callable[[Any, threading.Event], bool], one: Any) -> Callable[[], None]:
    """Follow a connector in a thread; what is given ends that."""
    ended = threading.Event()

    def follow() -> None:
        try:
            work(one, ended)
        finally:
            connection.close()

    thread = threading.Thread(target=follow)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end


def who_is_refused() -> set[str]:
    """As the page of connectors says it."""
    return {one.name for one in standings() if any(said in one.error for said in _REFUSED)}


@pytest.mark.parametrize(
    ("taken", "given", "refused"),
    [
        (
            ["change_password", "flow", "other"],
            ["change_password", "flow", "first"],
            {OUTLET, INLET},
        ),
        # Who consumes already may go on to.
        (["clear_permissions", "flow"], ["set_permissions", "flow", ".*", ".*", ".*"], {OUTLET}),
    ],
)
def test_rights_that_are_taken_lose_nothing_and_it_goes_on_once_they_are_back(
    broker: RabbitMQ,
    make: Make,
    make_in: MakeIn,
    taken: list[str],
    given: list[str],
    refused: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker.control("add_user", "flow", "first")
    broker.control("set_permissions", "flow", ".*", ".*", ".*")
    monkeypatch.setattr(broker, "url", f"amqp://flow:first@127.0.0.1:{broker.proxy.port}//")
    out, source = make(), make_in()
    ends = [following(relay.run, out), following(intake.run, source)]
    try:
        published(1)
        put(broker, source.source, 2)
        eventually(lambda: sorted(taken_in()) == [1, 2])
        eventually(lambda: Connector.objects.filter(pk=out.name, moved=2).exists())
        broker.control(*taken)
        if "change_password" in taken:
            broker.give_back()  # a password is asked for when somebody connects
        published(3)
        put(broker, source.source, 4)
        eventually(lambda: refused <= who_is_refused())
        broker.control(*given)
        eventually(lambda: sorted(taken_in()) == [1, 2, 3, 4])
        eventually(lambda: Connector.objects.filter(pk=out.name, moved__gte=4).exists())
    finally:
        for end in ends:
            end()
        broker.control("delete_user", "flow")
    assert first_time(broker.received(out.to)) == logged()
    assert not Due.objects.filter(state="dead").exists()
    assert {one.error for one in standings()} == {""}
