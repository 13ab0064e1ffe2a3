"""What is decided on streams is kept only if none of them has grown meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection

from flowdeck import Delivery, Draft, PublishError, SequenceConflict, publish, read_stream
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import drain
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "test.deciding"


@pytest.fixture(params=[True, False], ids=["atomic", "leased"])
def deciding(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Whoever comes first says something in ``shared``; the others see that it is said."""
    seen: list[int] = []

    def decide(event: Probed, delivery: Delivery) -> None:
        before = len(read_stream("shared"))
        seen.append(before)
        if before == 0:
            delivery.emit(Echoed(n=event.n, by=NAME), stream="shared", expected_sequence=0)

    registry.add_processor(declare(NAME, decide, atomic=request.param, lanes=1))
    yield seen
    registry.remove_processor(NAME)


def test_two_in_one_batch_do_not_both_decide_on_the_same_stream(deciding: list[int]) -> None:
    for n in range(3):
        publish(Probed(n=n), stream=f"s-{n}")
    drain.drain(registry.processor(NAME))
    assert len(read_stream("shared")) == 1, deciding


def test_what_is_decided_on_several_streams_needs_all_of_them_as_they_were() -> None:
    publish(Probed(n=1), Probed(n=2), stream="course")
    publish(Probed(n=1), stream="student")
    publish(Probed(n=3), stream="course", expects={"course": 2, "student": 1, "nobody": 0})
    for wrong in ({"student": 0}, {"course": 2}, {"student": 1, "nobody": 1}):
        with pytest.raises(SequenceConflict) as refused:
            publish(Probed(n=4), stream="course", expects=wrong)
        assert refused.value.stream in wrong
    assert [len(read_stream(name)) for name in ("course", "student", "nobody")] == [3, 1, 0]
    with pytest.raises(SequenceConflict):
        publish(
            Draft(Probed(n=4), stream="other"),
            Draft(Probed(n=4), stream="course"),
            expects={"other": 0, "course": 2},
        )
    assert read_stream("other") == []
    with pytest.raises(PublishError, match="later"):
        publish(Probed(n=4), stream="course", in_=5, expects={"course": 3})
    with pytest.raises(PublishError):
        publish(Probed(n=4), stream="course", expects={"no name": 0})


def test_of_two_who_decide_at_the_same_moment_one_is_refused() -> None:
    """Each lets one stream grow that the other has read: only one of both can be right."""
    publish(Probed(n=1), stream="left")
    publish(Probed(n=1), stream="right")
    told: list[str] = []

    def decide(own: str, other: str, both: threading.Barrier) -> None:
        read = {name: len(read_stream(name)) for name in (own, other)}
        both.wait()
        try:
            publish(Probed(n=2), stream=own, expects=read)
            told.append(own)
        except SequenceConflict:
            pass
        finally:
            connection.close()

    for round_ in range(1, 11):
        both = threading.Barrier(2)
        pairs = (("left", "right"), ("right", "left"))
        threads = [threading.Thread(target=decide, args=(*pair, both)) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(told) == round_
