"""Why an attempt failed, as it is kept for the operator: error, traceback, whose frame it was."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass, replace

from flowdeck.declare.states import AttemptOutcome
from flowdeck.engine.faults import ends_this_worker
from flowdeck.errors import Reject, TraceTooDeep
from flowdeck.frames import is_application
from flowdeck.privacy.masking import scrubbed
from flowdeck.sql import DueDelivery

_LONGEST_MESSAGE = 4_000
_LONGEST_TRACEBACK = 64_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as kept for the operator."""

    outcome: str
    error: str
    message: str
    traceback: str
    frame: str
    fingerprint: str


def written(error: BaseException) -> str:
    """The traceback of ``error`` as it can be stored."""
    return _storable("".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:])


def describe(error: BaseException, handler: str) -> Failure:
    """``error`` of the ``handler`` as kept for the operator.

    Its fingerprint is its type and where it came from.
    """
    if isinstance(error, TraceTooDeep):  # raised by the engine itself, so no frame tells anything
        name = type(error).__name__
        return Failure("rejected", name, str(error), "", handler, TraceTooDeep.fingerprint)
    name = type(error).__qualname__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_application(frame.filename)]
    frame = next(reversed(own or frames), None)
    where = f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" if frame else "unknown"
    place = f"{_short(frame.filename)}:{frame.name}" if frame else "unknown"
    return Failure(
        outcome=AttemptOutcome.REJECTED if isinstance(error, Reject) else AttemptOutcome.FAILED,
        error=name[:200],
        message=_storable(_text(error))[:_LONGEST_MESSAGE],
        traceback=written(error),
        frame=where[:300],
        fingerprint=_fingerprint(name, place),
    )


def of_death(where: str, last_exception: str) -> Failure:
    """The failure of an attempt of the handler at ``where`` that was never heard of again.

    ``last_exception`` is the traceback of what was raised meanwhile, if anything was.
    """
    message = (
        "The worker process died while it was at this delivery alone. Look for what kills it: "
        "memory, a crash in native code, os._exit()."
    )
    if last_exception:
        last_line = last_exception.rstrip().rpartition("\n")[2]
        message = (
            "Its attempts ended neither well nor with a failure of its own, although it was tried "
            f"alone. The last exception was: {last_line}"
        )
    name = "WorkerDied"
    return Failure(
        outcome=AttemptOutcome.DIED,
        error=name,
        message=message[:_LONGEST_MESSAGE],
        traceback=last_exception,
        frame=where,
        fingerprint=_fingerprint(name, where),
    )


def without_personal_data(failure: Failure, due: DueDelivery) -> Failure:
    """The same without what is personal in the event that was handled."""
    # What is kept of a failure outlives the person's wish to be forgotten, and goes into logs.
    event = due.event
    return replace(
        failure,
        message=scrubbed(event.type, event.payload, failure.message),
        traceback=scrubbed(event.type, event.payload, failure.traceback),
    )


def _short(filename: str) -> str:
    return "/".join(filename.rsplit("/", 2)[-2:])


def _fingerprint(error: str, place: str) -> str:
    return hashlib.sha256(f"{error}@{place}".encode()).hexdigest()[:16]


def _text(error: BaseException) -> str:
    """What ``error`` says; its own code for that may fail too."""
    try:
        return str(error)
    except BaseException as second:
        if ends_this_worker(second):
            raise
        return f"(its __str__ raised {type(second).__qualname__})"


def _storable(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
