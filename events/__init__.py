"""A durable event runtime for Django, and a live dashboard over it.

What an app needs is here: declare events and processors, publish, read streams::

    from events import Delivery, Event, Retry, processor, publish
"""

from events.declare.context import correlation
from events.declare.event import Delivery, Draft, Event, StoredEvent
from events.declare.personal import Personal, eraser
from events.declare.registry import processor, projection
from events.declare.retry import Retry
from events.declare.upcasting import upcaster
from events.errors import EventsError, PublishError, Reject, SequenceConflict, Snooze
from events.log.append import read_log, read_stream, read_streams
from events.log.payloads import load, parse
from events.log.publishing import Receipt, publish

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
