"""What the outside has answered is kept with the delivery: asked once, and read by nobody."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flowdeck import Delivery as Delivered
from flowdeck import Retry, publish
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import answers, drain
from flowdeck.letters import dead_letters
from flowdeck.models import Answer, Attempt, Delivery
from flowdeck.privacy.forgetting import forget
from tests.accounts import person, signed_in
from tests.probe.events import Called, Introduced

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "ada@example.org"


def _hears(event: Called | Introduced) -> None: ...


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    registry.add_processor(declare("probe.asking", _hears, atomic=False))
    yield
    registry.remove_processor("probe.asking")


def asking(handler: Callable[..., Any], **options: Any) -> Processor:
    given = {"retry": Retry(max_attempts=3, base=0.0), "wants_delivery": True, **options}
    return replace(registry.processor("probe.asking"), handler=handler, **given)


def drained(processor: Processor) -> None:
    while drain.drain(processor, seconds=60):
        pass


def state() -> str:
    return str(Delivery.objects.get(processor="probe.asking").state)


def failure() -> str:
    return str(Attempt.objects.latest("id").message)


def test_what_is_answered_is_not_asked_again() -> None:
    asked: list[str] = []
    heard: list[Any] = []

    def charge(delivery: Delivered) -> Any:
        asked.append(delivery.idempotency_key)
        return {"paid": 3, "by": ("card", "ünit")}

    def handle(event: Called, delivery: Delivered) -> None:
        heard.append(delivery.outside("charge", lambda: charge(delivery)))
        if delivery.attempt < 3:
            raise ValueError("later than the answer")

    async def handle_async(event: Called, delivery: Delivered) -> None:
        async def call() -> Any:
            return charge(delivery)

        heard.append(await delivery.aoutside("charge", call))
        if delivery.attempt < 3:
            raise ValueError("later than the answer")

    for number, handler in enumerate((handle, handle_async), 1):
        publish(Called(n=number), stream="one")
        drained(asking(handler, overlap=5 if handler is handle_async else 1))
        assert len(asked) == number
    assert heard == [{"paid": 3, "by": ["card", "ünit"]}] * 6
    assert set(Delivery.objects.values_list("state", "attempts")) == {("done", 3)}
    assert list(Answer.objects.values_list("name", "attempt")) == [("charge", 1)] * 2


def test_what_raises_is_no_answer() -> None:
    def refused() -> Any:
        raise ConnectionError("nobody answers")

    publish(Called(n=1), stream="one")
    drained(asking(lambda event, delivery: delivery.outside("charge", refused)))
    assert state() == "dead"
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("event", "subject"), [(Introduced(user_id=7, email=MAIL), ""), (Called(n=7), 7)]
)
def test_what_is_about_a_person_is_sealed_masked_and_forgotten_with_them(
    event: Any, subject: object
) -> None:
    heard: list[Any] = []

    def handle(event: Called | Introduced, delivery: Delivered) -> None:
        heard.append(delivery.outside("look", lambda: {"mail": MAIL}, subject=subject))
        raise ValueError("later than the answer")

    operator = signed_in(person("operator"))

    def page() -> str:
        position = Delivery.objects.get(processor="probe.asking").event_id
        return html.unescape(operator.get(f"/events/{position}/").content.decode())

    publish(event, stream="one")
    drained(asking(handle))
    assert heard == [{"mail": MAIL}] * 3
    assert MAIL not in Answer.objects.get().text
    assert "asked for <b>look</b> in attempt 1" in page()
    assert MAIL not in page()
    forget("7", by="test")
    assert dead_letters.retry([Delivery.objects.get(state="dead").letter or 0], by="op") == 1
    drained(asking(handle))
    assert (len(heard), state()) == (3, "dead")
    assert "about somebody who was forgotten since; it is not asked again" in failure()
    assert ">erased</" in page()


def test_an_answer_is_shown_with_its_event() -> None:
    def handle(event: Called, delivery: Delivered) -> None:
        delivery.outside("charge", lambda: {"receipt": "<b>4711</b>"})

    publish(Called(n=1), stream="one")
    drained(asking(handle))
    position = Delivery.objects.get(processor="probe.asking").event_id
    operator = signed_in(person("operator"))
    page = operator.get(f"/events/{position}/").content.decode()
    assert "&lt;b&gt;4711&lt;/b&gt;" in page


def test_what_is_too_large_is_used_once_and_not_asked_again(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "ANSWER_BYTES": 10}
    heard: list[Any] = []

    def handle(event: Called, delivery: Delivered) -> None:
        heard.append(delivery.outside("page", lambda: "x" * 100))
        raise ValueError("later than the answer")

    publish(Called(n=1), stream="one")
    drained(asking(handle))
    assert heard == ["x" * 100]
    assert (state(), Answer.objects.get().text) == ("dead", "")
    assert "had 102 bytes, too many to be kept" in failure()


def _twice(event: Called, delivery: Delivered) -> None:
    delivery.outside("one", lambda: 1)
    delivery.outside("one", lambda: 2)


@pytest.mark.parametrize(
    ("handler", "options", "why"),
    [
        (_twice, {}, "twice in one attempt"),
        (lambda _, one: one.outside("x", object), {}, "can't be kept as JSON"),
        (lambda _, one: one.outside("x", lambda: float("nan")), {}, "can't be kept as JSON"),
        (lambda _, one: one.outside("", lambda: 1), {}, "a name has 1 to 100 letters"),
        (lambda _, one: one.outside("x", lambda: 1), {"atomic": True}, "no answer can be kept"),
    ],
)
def test_what_can_not_be_kept_is_the_handlers_failure(
    handler: Callable[..., Any], options: dict[str, Any], why: str
) -> None:
    publish(Called(n=1), stream="one")
    drained(asking(handler, retry=Retry(max_attempts=1), **options))
    assert state() == "dead"
    assert why in failure()


def test_answers_are_kept_for_some_days_and_until_their_delivery_is_done() -> None:
    def handle(event: Called, delivery: Delivered) -> None:
        delivery.outside("charge", lambda: event.n)
        if event.n == 2:
            raise ValueError("not done")

    for n in (1, 2):
        publish(Called(n=n), stream=f"key-{n}")
    drained(asking(handle))
    answers.forget_old()
    assert Answer.objects.count() == 2
    for one in Answer.objects.all():
        Answer.objects.filter(pk=one.pk).update(at=one.at - timedelta(days=31))
    answers.forget_old()
    assert [one.text for one in Answer.objects.all()] == ["2"]
