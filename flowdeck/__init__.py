"""A durable event runtime for Django, and a live dashboard over it.

What an app needs is here: declare events and processors, publish, read streams::

    from flowdeck import Delivery, Event, Retry, processor, publish
"""

from flowdeck.connect.cloudevent import CloudEvent
from flowdeck.connect.inlets import inlet
from flowdeck.connect.outlets import outlet
from flowdeck.connect.webhooks import webhook
from flowdeck.declare.context import correlation
from flowdeck.declare.event import Delivery, Draft, Event, StoredEvent
from flowdeck.declare.gathering import Gather
from flowdeck.declare.limits import Breaker, Limits
from flowdeck.declare.objectives import objective
from flowdeck.declare.personal import Personal, eraser
from flowdeck.declare.retry import Retry, after
from flowdeck.declare.schedule import schedule
from flowdeck.declare.subscribing import processor, projection
from flowdeck.declare.upcasting import upcaster
from flowdeck.errors import FlowdeckError, PublishError, Reject, SequenceConflict, Snooze
from flowdeck.log.append import read_log, read_stream, read_streams
from flowdeck.log.awaiting import apublish, in_transaction
from flowdeck.log.horizon import settled_position
from flowdeck.log.payloads import load, parse
from flowdeck.log.publishing import Receipt, cancel, publish
from flowdeck.process_managers.declared import process
from flowdeck.process_managers.flow import during, otherwise, starts
from flowdeck.process_managers.instance import Process
from flowdeck.process_managers.matching import Match, Seen
from flowdeck.process_managers.patterns import pattern
from flowdeck.process_managers.state import State, state_upcaster

__all__ = [
    "Breaker",
    "CloudEvent",
    "Delivery",
    "Draft",
    "Event",
    "FlowdeckError",
    "Gather",
    "Limits",
    "Match",
    "Personal",
    "Process",
    "PublishError",
    "Receipt",
    "Reject",
    "Retry",
    "Seen",
    "SequenceConflict",
    "Snooze",
    "State",
    "StoredEvent",
    "after",
    "apublish",
    "cancel",
    "correlation",
    "during",
    "eraser",
    "in_transaction",
    "inlet",
    "load",
    "objective",
    "otherwise",
    "outlet",
    "parse",
    "pattern",
    "process",
    "processor",
    "projection",
    "publish",
    "read_log",
    "read_stream",
    "read_streams",
    "schedule",
    "settled_position",
    "starts",
    "state_upcaster",
    "upcaster",
    "webhook",
]
