"""Every error the event runtime raises on purpose, as one tree.

Catch :class:`FlowdeckError` to catch them all. Each message names the offending value and the fix.
"""

from __future__ import annotations

import math
from asyncio import CancelledError

FAULTS = (Exception, SystemExit, CancelledError)
"""What code that is not ours may raise where it must not end whatever called it."""
LONGEST_WAIT = 10 * 365 * 24 * 3600.0
"""Seconds that a delivery can be put off at most: ten years."""


class FlowdeckError(Exception):
    """Base of all errors of the event runtime."""


class RegistrationError(FlowdeckError):
    """An event type, processor or upcaster was declared in a way that cannot work."""


class PublishError(FlowdeckError):
    """Events were refused as a whole; nothing was written."""


class UnknownEventType(PublishError):
    """The event type (or this version of it) is not declared by any installed app."""


class UnknownVersion(PublishError):
    """The log holds, or somebody sent, a version of the type that this code can not read."""


class InvalidPayload(PublishError):
    """The payload does not fit the schema of its event type, or cannot be stored as JSON."""


class PayloadTooLarge(PublishError):
    """The payload is larger than ``FLOWDECK["MAX_PAYLOAD_BYTES"]`` (256 KiB by default)."""


class InvalidStream(PublishError):
    """The stream name is missing, too long, or holds characters that are not allowed."""


class InvalidEnvelope(PublishError):
    """A type, key, producer or time of an event is not one that the log takes."""


class PersonalKeyUnreadable(PublishError):
    """A person's key can't be unwrapped: the installation's own key was replaced."""


class ArchiveRefused(FlowdeckError):
    """Streams could not be archived; nothing was removed from the log."""


class ImportRefused(PublishError):
    """A file of events does not fit this log; nothing of it was written."""


class SequenceConflict(PublishError):
    """Somebody else appended to the stream first: load it again and decide again."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"Stream {stream!r} is at sequence {actual}, not at {expected} as expected. "
            "Load the stream again and decide again."
        )
        self.stream, self.expected, self.actual = stream, expected, actual


class IdConflict(PublishError):
    """An id under which something else was published before."""


class HandlerContractError(FlowdeckError):
    """A handler returned something that is not an event, or used an API that its mode forbids."""


class LeaseLost(FlowdeckError):
    """The lease of a lane or connector ran out and another has it: nothing of this is kept."""


class PartitionMissing(FlowdeckError):
    """The database has no table yet for finished deliveries of these ``positions``."""

    def __init__(self, positions: list[int]) -> None:
        super().__init__(
            f"Finished deliveries of events {min(positions)} to {max(positions)} have no partition "
            "of flowdeck_done: it is made now, or by any worker's next sweep."
        )
        self.positions = positions


class UnknownConnector(FlowdeckError):
    """No installed app declares an outlet or inlet of this name."""


class BrokerAway(FlowdeckError):
    """A broker can't be reached, or did not confirm in time: it is tried again."""


class RewindRefused(FlowdeckError):
    """A connector can't be set to that place of the log."""


class SendRefused(FlowdeckError):
    """An outlet can't send an event again by hand."""


class PermissionsMissing(FlowdeckError):
    """Permissions that apps declare have no rows yet; ``migrate`` makes them."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"The database has no permission {', '.join(missing)}. Run `manage.py migrate` first."
        )


class UnknownProcessor(FlowdeckError):
    """No installed app declares a processor of this name."""


class NotHeardHere(FlowdeckError):
    """Other workers' code has the processor hear a type of events, and this one's has not."""


class LanesNotDivided(FlowdeckError):
    """A processor can't have so many lanes, or not now."""


class StillDeclared(FlowdeckError):
    """The processor is declared, so it can't be retired."""


class NotLimited(FlowdeckError):
    """The code of a processor declares no limits, so there are none to be changed."""


class ReplayRefused(FlowdeckError):
    """The processor can't be replayed or given past deliveries again, or not now."""


class CheckImpossible(FlowdeckError):
    """A check of ``manage.py verify`` can't be made just now, which is no violation."""


class ReleaseRefused(FlowdeckError):
    """A release can't be announced like this."""


class ReplicaCantTell(FlowdeckError):
    """A read replica was asked what is under way on its primary."""


class ReplayCancelled(FlowdeckError):
    """Somebody cancelled the run while it was under way; the live read models are as before."""


class Reject(FlowdeckError):
    """Raise in a handler to send the delivery straight to the dead letters.

    ``reason`` is shown to the operator; no further attempt is made.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TraceTooDeep(Reject):
    """A handler would have gone on with a trace that is longer than ``FLOWDECK["MAX_HOPS"]``.

    All such dead letters have one ``fingerprint``, so they are one group.
    """

    fingerprint = "trace-too-deep"


class HandlerTimedOut(FlowdeckError):
    """A handler took longer than its processor's ``timeout``."""


class Snooze(FlowdeckError):
    """Raise in a handler to be called again after ``seconds``; uses up no attempt.

    The key stays held back meanwhile, so its order is kept. A number below 0 is taken for 0. Raises
    HandlerContractError for what is no number of seconds, or more than ten years of them.
    """

    def __init__(self, seconds: float) -> None:
        if not isinstance(seconds, (int, float)) or math.isnan(seconds) or seconds > LONGEST_WAIT:
            raise HandlerContractError(
                f"Snooze({seconds!r}): give the seconds to wait as a number up to "
                f"{LONGEST_WAIT:,.0f} (ten years)."
            )
        super().__init__(f"snoozed for {seconds} s")
        self.seconds: float = max(0.0, float(seconds))


class StateFromNewerCode(FlowdeckError):
    """The state of a process was written by newer code than this: that code goes on with it."""


class OtherLetters(FlowdeckError):
    """The dead letters are not those that somebody was asked about; ``count`` fit now."""

    def __init__(self, count: int) -> None:
        super().__init__(f"Meanwhile it is other dead letters: {count} now. Look again.")
        self.count = count


class OutsideRefused(BaseException):
    """A handler that is only tried reaches outside, and nobody recorded what it was answered.

    No ``Exception``: what a handler does when the outside fails is not what is tried.
    """
