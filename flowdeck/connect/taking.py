"""What a message of another system becomes in the log: its events, or one that says why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import InterfaceError, OperationalError
from uuid_utils.compat import uuid7

from flowdeck.conf import conf
from flowdeck.connect.cloudevent import read
from flowdeck.connect.mapping import Inlet, drafts
from flowdeck.connect.messages import Incoming
from flowdeck.connect.unread import refused
from flowdeck.database import transaction
from flowdeck.declare.event import Draft
from flowdeck.errors import FAULTS, PublishError, TraceTooDeep
from flowdeck.log.append import append, unknown, with_known_causes
from flowdeck.log.publishing import after_commit


def made_of(inlet: Inlet, message: Incoming) -> list[Draft]:
    """What a message becomes; if it can't be read, the event that says so.

    Raises the database's errors only.
    """
    try:
        made = [_traced(one) for one in drafts(inlet, read(message.headers, message.body))]
        if any(one.hops > conf().MAX_HOPS for one in made):
            raise TraceTooDeep("It has gone round: it is an effect of too many effects.")
        return made
    except (OperationalError, InterfaceError):
        raise
    except FAULTS as error:
        return [_traced(refused(inlet, message, _said(error)))]


def accepted(inlet: Inlet, message: Incoming, made: list[Draft]) -> list[Draft]:
    """The same drafts if the log takes them; it is asked, and what it did taken back."""
    try:
        with transaction.atomic():
            append(with_known_causes(unknown(made)))
            transaction.set_rollback(True)
    except PublishError as error:
        return [_traced(refused(inlet, message, _said(error)))]
    return made


def append_new(made: Sequence[Draft]) -> list[Draft]:
    """Append what is not in the log yet; which of the drafts that were. Needs an open transaction.

    Who listens is told after its commit. Raises a PublishError, or IntegrityError if somebody else
    appends the same at this moment.
    """
    if fresh := with_known_causes(unknown(made)):
        appended = append(fresh)
        transaction.on_commit(lambda: after_commit(appended))
    return fresh


def _traced(draft: Draft) -> Draft:
    return draft if draft.correlation_id else replace(draft, correlation_id=uuid7())


def _said(error: BaseException) -> str:
    text = str(error) or "no message"
    return text if isinstance(error, PublishError) else f"{type(error).__name__}: {text}"
