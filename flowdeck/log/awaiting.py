"""Publishing from async code: the database is used in a thread, as Django's async ORM does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from flowdeck.database import transaction
from flowdeck.log.publishing import Receipt, publish

P = ParamSpec("P")
T = TypeVar("T")


async def apublish(*events: Any, **options: Any) -> Receipt:
    """:func:`publish`, awaited: takes, returns and raises the same. Opens its own transaction.

    To publish together with other changes, do both :func:`in_transaction`.
    """
    return await sync_to_async(publish)(*events, **options)


async def in_transaction(act: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What ``act`` returns, called in a thread and in one transaction.

    Commits when it returns; if it raises, nothing of it is kept, events included. There is no block
    for ``async with`` instead: while it waited, other tasks would write into its transaction.
    """

    def whole() -> T:
        with transaction.atomic():
            return act(*args, **options)

    return await sync_to_async(whole)()
