"""A durable event runtime for Django, and a live dashboard over it.

What an app needs is here: declare events and processors, publish, read streams::

    from events import Delivery, Event, Retry, processor, publish
"""

from events.context import correlation
from events.errors import EventsError, PublishError, Reject, SequenceConflict, Snooze
from events.event import Delivery, Draft, Event, StoredEvent
from events.personal import Personal, eraser
from events.publishing import Receipt, publish
from events.registry import processor, projection
from events.retry import Retry
from events.schema import load, parse
from events.store import read_log, read_stream, read_streams
from events.upcasting import upcaster

__all__ = [
    "Delivery",
    "Draft",
    "Event",
    "EventsError",
    "Personal",
    "PublishError",
    "Receipt",
    "Reject",
    "Retry",
    "SequenceConflict",
    "Snooze",
    "StoredEvent",
    "correlation",
    "eraser",
    "load",
    "parse",
    "processor",
    "projection",
    "publish",
    "read_log",
    "read_stream",
    "read_streams",
    "upcaster",
]
