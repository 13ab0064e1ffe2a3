"""Taking what is due on the lanes of a claim, readable for the handlers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowdeck.database import connection
from flowdeck.declare.registry import Processor, slot_of
from flowdeck.engine import answers, unknown
from flowdeck.engine.lanes import Claim
from flowdeck.privacy.sealing import may_be_sealed, opened
from flowdeck.sql import DueDelivery, dialect
from flowdeck.sql.gathering import Wanted, gathering
from flowdeck.sql.starting import starts


def take(processor: Processor, claim: Claim, limit: int) -> list[DueDelivery]:
    """Lock the lanes that can be had for this transaction; return what is due, by position.

    Of a processor that gathers it is all of keys that are ready, if need be beyond ``limit``.
    """
    if processor.gather is not None:
        return _opened(processor, gathering().take_gathered(_wanted(processor, limit), claim.lanes))
    with connection.cursor() as cursor:
        taken = dialect().take_due(
            cursor, processor.name, claim.lanes, claim.floors, limit, processor.parks
        )
    claim.saw(taken)
    return _opened(processor, taken.due)


def fetch(processor: Processor, claim: Claim, limit: int) -> list[DueDelivery]:
    """Up to ``limit`` due deliveries of lanes that this worker holds, by position."""
    if claim.position is not None:
        return fetch_one(processor, claim.position)
    if processor.gather is not None:
        ready = gathering().fetch_gathered(_wanted(processor, limit), claim.lanes)
        return answers.loaded(processor, _opened(processor, ready))
    with connection.cursor() as cursor:
        taken = dialect().fetch_due(cursor, processor.name, claim.lanes, limit, processor.parks)
    claim.saw(taken)
    return answers.loaded(processor, _opened(processor, taken.due))


def fetch_one(processor: Processor, position: int) -> list[DueDelivery]:
    """The delivery of one event, if it is not over."""
    one = starts().fetch_one(processor.name, position)
    return answers.loaded(processor, _opened(processor, [one] if one else []))


def _wanted(processor: Processor, limit: int) -> Wanted:
    gather = processor.gather
    assert gather is not None
    return Wanted(processor.name, processor.parks, gather.beyond_quiet, gather.count, limit)


def by_call(processor: Processor, due: Sequence[DueDelivery]) -> list[list[DueDelivery]]:
    """What each call of the handler has when it fails or succeeds by itself, in order."""
    if processor.gather is None:
        return [[one] for one in due]
    by_key: dict[str, list[DueDelivery]] = {}
    for one in due:
        by_key.setdefault(one.event.key, []).append(one)
    return list(by_key.values())


def fetch_first(
    processor: Processor, claims: Sequence[Claim], busy: Iterable[str], most: int
) -> list[tuple[DueDelivery, Claim]]:
    """The first due delivery of up to ``most`` keys that are not ``busy``, each with its claim."""
    ids = [one for claim in claims for one in claim.ids]
    tokens = list({claim.token for claim in claims if claim.token is not None})
    with connection.cursor() as cursor:
        due = dialect().fetch_first(
            cursor, processor.name, ids, tokens, list(busy), most, processor.parks
        )
    whose = {slot: claim for claim in claims for slot in claim.slots()}
    loaded = answers.loaded(processor, _opened(processor, due))
    return [(one, whose[slot_of(one.event.key)]) for one in loaded]


def _opened(processor: Processor, due: list[DueDelivery]) -> list[DueDelivery]:
    """With what is personal readable, all keys read at once, and whether they are heard here."""
    unknown.tell_apart(processor, due)
    if any(may_be_sealed(one.event) for one in due):
        for one, event in zip(due, opened([one.event for one in due]), strict=True):
            one.event = event
    return due
