"""Leases that this process holds are renewed as long as their work lasts."""

from __future__ import annotations

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn
from uuid import UUID

from flowdeck import telemetry
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.registry import Processor
from flowdeck.engine.faults import is_fault
from flowdeck.engine.lanes import Claim
from flowdeck.errors import LeaseLost
from flowdeck.sql import Left, dialect

logger = logging.getLogger("flowdeck")


class _Keeper:
    """Renews the leases this process holds, from a thread that lives while there are any."""

    def __init__(self) -> None:
        self._tokens: set[UUID] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._pid = 0

    def add(self, token: UUID) -> None:
        with self._lock:
            self._tokens.add(token)
            if self._pid != os.getpid():  # threads do not survive a fork
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="lease-keeper", daemon=True).start()

    def discard(self, token: UUID) -> None:
        with self._lock:
            self._tokens.discard(token)

    def _run(self) -> None:
        while not self._wake.wait(conf().LEASE_SECONDS / 3):
            with self._lock:
                tokens = list(self._tokens)
            if tokens:
                renew(tokens)


def renew(tokens: list[UUID]) -> None:
    """Extend leases that are still held; one that was lost stays lost. Never raises."""
    try:
        with connection.cursor() as cursor:
            dialect().renew_leases(cursor, tokens, conf().LEASE_SECONDS)
    except Exception as error:
        # The thread that renews is the only one of its process, so it must outlive all of them.
        if is_fault(error):
            telemetry.emit(telemetry.InfrastructureFault("", error))
        else:
            logger.exception("Leases could not be renewed; it is tried again.")
    finally:
        connection.close()  # this thread's own; kept open it would sit idle for ever


_keeper = _Keeper()


@contextmanager
def kept(claim: Claim) -> Iterator[None]:
    """Keep the lease of ``claim`` renewed for the length of the block."""
    assert claim.token is not None
    _keeper.add(claim.token)
    try:
        yield
    finally:
        _keeper.discard(claim.token)


def hold(processor: Processor, claims: Sequence[Claim]) -> None:
    """Lock leased lanes until the transaction ends, and go on holding them. Raises LeaseLost."""
    tokens = [claim.token for claim in claims if claim.token is not None]
    ids = [one for claim in claims for one in claim.ids]
    with connection.cursor() as cursor:
        held = dialect().hold_leased(cursor, tokens, ids, conf().LEASE_SECONDS)
    if held != len(ids):
        lost(processor)


def lock(processor: Processor, claim: Claim) -> None:
    """Lock leased lanes until the transaction ends, and leave them. Raises LeaseLost."""
    assert claim.token is not None
    with connection.cursor() as cursor:
        locked = dialect().lock_leased(cursor, claim.token, claim.left())
    if len(locked) != len(claim.lanes):
        lost(processor)


def let_go(claims: Iterable[Claim]) -> None:
    """Say that leased claims ended well: their lanes are free, but for those that were lost.

    One statement for all that were claimed together.
    """
    left: dict[UUID, list[Left]] = defaultdict(list)
    for claim in claims:
        assert claim.token is not None
        left[claim.token] += claim.left()
    with connection.cursor() as cursor:
        for token, lanes in left.items():
            dialect().lock_leased(cursor, token, lanes)


def lost(processor: Processor) -> NoReturn:
    """Somebody else has a lane that was leased. Raises LeaseLost."""
    telemetry.emit(telemetry.LeaseExpired(processor.name))
    raise LeaseLost(
        f"{processor.name}: the lease ran out before the batch was done, so its results are "
        "dropped; another worker does the work."
    )
