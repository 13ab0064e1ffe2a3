"""Small projects of a lending library, each with one mistake, as somebody else would write them.

A project's types and processors exist while its ``with`` block lasts, and then no more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db.models import F

from flowdeck import Delivery, Draft, Event, Retry, publish
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from tests.probe.models import Tally


@contextmanager
def alone() -> Iterator[None]:
    """Nothing is declared but what the block declares."""
    types, processors = dict(registry.event_types), dict(registry.processors)
    try:
        registry.event_types.clear()
        for name in processors:
            registry.remove_processor(name)
        yield
    finally:
        for name in list(registry.processors):
            registry.remove_processor(name)
        registry.event_types.clear()
        registry.event_types.update(types)
        for processor in processors.values():
            registry.add_processor(processor)


def book_lent(version: int = 1) -> type[Event]:
    """The library's event type, declared anew."""

    class BookLent(Event, version=version):
        book: str
        reader: str

    return BookLent


def add(name: str, handler: Callable[..., object], event: type[Event], **options: object) -> None:
    """Declare a processor that listens to ``event``."""
    handler.__annotations__["event"] = event
    registry.add_processor(declare(name, handler, **options))  # type: ignore[arg-type]


def shelf(event: Event, delivery: Delivery) -> None:
    """A read model as it should be: how often each book's stream was lent from."""
    row, _ = Tally.objects.get_or_create(stream=delivery.envelope.stream)
    Tally.objects.filter(pk=row.pk).update(count=F("count") + 1)


def mutable() -> None:
    """1: an event that can be changed after the fact, and is named for what is to be done."""

    class LendBook(Event, version=1):
        model_config = {"frozen": False}
        book: str

    publish(LendBook(book="emma"), stream="book-emma")


def counting() -> type[Event]:
    """3: adds to a counter outside of any transaction, whoever asks twice."""
    lent = book_lent()

    def count(event, delivery: Delivery) -> None:  # type: ignore[no-untyped-def]
        Tally.objects.get_or_create(stream="loans")
        Tally.objects.filter(stream="loans").update(count=F("count") + 1)

    add("loans", count, lent, atomic=False)
    return lent


def by_chance() -> type[Event]:
    """4: a read model with something in it that is in no event."""
    lent = book_lent()

    def ranked(event, delivery: Delivery) -> None:  # type: ignore[no-untyped-def]
        Tally.objects.create(stream=event.book, count=random.randrange(1_000_000))

    add("ranking", ranked, lent, replayable=True, models=(Tally,))
    return lent


def endless() -> type[Event]:
    """6: tries the same message again for ever."""
    lent = book_lent()
    add("stubborn", lambda event: None, lent, retry=Retry(max_attempts=30_000))
    return lent


def mixed_keys() -> tuple[type[Event], type[Event]]:
    """7: of one stream, one type is kept in order by the stream and one by the reader."""
    lent = book_lent()

    class BookReturned(Event, version=1, key="reader"):
        book: str
        reader: str

    def both(event, delivery: Delivery) -> None: ...  # type: ignore[no-untyped-def]

    add("desk", both, lent | BookReturned)  # type: ignore[arg-type]
    return lent, BookReturned


def torn() -> type[Event]:
    """8: a handler that begins a trace of its own, so that nobody finds the cause."""
    lent = book_lent()

    class ReminderSent(Event, version=1):
        reader: str

    def remind(event, delivery: Delivery) -> None:  # type: ignore[no-untyped-def]
        publish(Draft(ReminderSent(reader=event.reader), correlation_id=uuid4()))

    add("reminders", remind, lent)
    return lent


def slow() -> type[Event]:
    """9: a read model that nobody gets round to write."""
    lent = book_lent()
    add("shelf", lambda event: None, lent, replayable=True, models=(Tally,))
    return lent


def well() -> type[Event]:
    """Nothing wrong: an event, a read model, a processor."""
    lent = book_lent()
    add(
        "shelf",
        lambda event, delivery: shelf(event, delivery),
        lent,
        replayable=True,
        models=(Tally,),
    )
    add("desk", lambda event: None, lent)
    return lent
