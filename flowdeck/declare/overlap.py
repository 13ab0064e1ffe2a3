"""How a handler is called: in the engine's transaction, alone, or many at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flowdeck.errors import RegistrationError

OF_ASYNC, MOST = 50, 1_000
"""How many calls of an ``async def`` are in the air if nothing is said, and how many at most."""


def is_async(handler: Callable[..., Any]) -> bool:
    """Whether it runs in an event loop."""
    return inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler)


def way_of(
    where: str,
    handler: Callable[..., Any],
    *,
    atomic: bool | None,
    overlap: int | None,
    batch: bool,
    replayable: bool,
) -> tuple[bool, int]:
    """Whether it runs in a transaction, and how many calls are in the air at once.

    Raises RegistrationError, which says ``where``, for what can't be both.
    """
    in_loop = is_async(handler)
    if in_loop and (atomic or batch or replayable):
        wrong = "a projection" if replayable else "batch=True" if batch else "atomic=True"
        raise RegistrationError(
            f"{where}: an async def runs outside of transactions, one call for each event, so it "
            f"can't be {wrong}. Leave out async."
        )
    if atomic is None:
        atomic = not in_loop
    if overlap is None:
        overlap = OF_ASYNC if in_loop else 1
    if not 1 <= overlap <= MOST:
        raise RegistrationError(f"{where}: overlap must be 1 to {MOST:,}, not {overlap!r}.")
    if overlap > 1 and (atomic or batch):
        raise RegistrationError(
            f"{where}: overlap={overlap} calls run outside of transactions, each by itself. Say "
            "atomic=False, and leave out batch=True; what it does should bear to be done twice "
            "(delivery.idempotency_key)."
        )
    return atomic, overlap
