"""What an app may hook into, and read with, beside what it imports from :mod:`flowdeck`.

These two modules are the library's public edge: what they don't name may change without notice.
Import this one where models are ready, so from ``AppConfig.ready`` on; `docs/extending.md` shows
each hook at work. What Django and its kind look for by a path is public too: ``flowdeck.urls``,
``flowdeck.api``, ``flowdeck.testing``, the template tags ``flowdeck`` and the paths for settings
that `docs/writing_processors.md` names.
"""

from flowdeck.checklist.purpose import wrong_on_purpose
from flowdeck.dashboard.replay.belongings import Belonging
from flowdeck.dashboard.replay.belongings import register as register_belongings
from flowdeck.dashboard.shared.hues import assign as assign_hues
from flowdeck.dashboard.shared.hues import producer_hue
from flowdeck.dashboard.shared.marks import role as event_role
from flowdeck.dashboard.shell.finders import Hit
from flowdeck.dashboard.shell.finders import register as register_finder
from flowdeck.dashboard.shell.navigation import Count, Notice, count_fragment, register_notices
from flowdeck.dashboard.shell.navigation import register as register_entry
from flowdeck.dashboard.shell.once import once
from flowdeck.dashboard.shell.page import demand, requires, signed_in
from flowdeck.dashboard.shell.records import Record
from flowdeck.dashboard.shell.records import register as register_record
from flowdeck.dashboard.shell.rendering import render, render_to_string
from flowdeck.declare.interception import Handle
from flowdeck.declare.interception import install as intercept
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import DeliveryState
from flowdeck.engine.backfill import deliver_past
from flowdeck.letters.dead_letters import discard as discard_letters
from flowdeck.letters.dead_letters import retry as retry_letters
from flowdeck.live import Changes, Fragment, LiveView, Refusal
from flowdeck.live import register as register_live_view
from flowdeck.models import Attempt as LogAttempt
from flowdeck.models import Delivery as LogDelivery
from flowdeck.models import Event as LogEvent
from flowdeck.observe.history import register as register_fold
from flowdeck.observe.loading import load_trace
from flowdeck.observe.states import derive as derive_states
from flowdeck.observe.traces import DeliveryNode, EventNode, Trace
from flowdeck.people.access import (
    ADMIN,
    OPERATOR,
    VIEWER,
    Decision,
    add_role,
    can,
    grant,
    group_of,
    register_trace_owner,
)
from flowdeck.people.audit import record as record_action
from flowdeck.process_managers.stopping import stop as stop_instance
from flowdeck.telemetry import (
    Appended,
    AttemptFailed,
    BellFailed,
    FloorWrong,
    InfrastructureFault,
    LeaseExpired,
    Paused,
    Replayed,
    Resolved,
    Resumed,
    Settled,
    subscribe,
)
from flowdeck.transfer.cloudevents import dumped as cloudevent
from flowdeck.transfer.importing import import_events
from flowdeck.verification import Scope
from flowdeck.verification import check as verification_check
from flowdeck.words import counted, duration

__all__ = [
    "ADMIN",
    "OPERATOR",
    "VIEWER",
    "Appended",
    "AttemptFailed",
    "BellFailed",
    "Belonging",
    "Changes",
    "Count",
    "Decision",
    "DeliveryNode",
    "DeliveryState",
    "EventNode",
    "FloorWrong",
    "Fragment",
    "Handle",
    "Hit",
    "InfrastructureFault",
    "LeaseExpired",
    "LiveView",
    "LogAttempt",
    "LogDelivery",
    "LogEvent",
    "Notice",
    "Paused",
    "Processor",
    "Record",
    "Refusal",
    "Replayed",
    "Resolved",
    "Resumed",
    "Scope",
    "Settled",
    "Trace",
    "add_role",
    "assign_hues",
    "can",
    "cloudevent",
    "count_fragment",
    "counted",
    "deliver_past",
    "demand",
    "derive_states",
    "discard_letters",
    "duration",
    "event_role",
    "grant",
    "group_of",
    "import_events",
    "intercept",
    "load_trace",
    "once",
    "producer_hue",
    "record_action",
    "register_belongings",
    "register_entry",
    "register_finder",
    "register_fold",
    "register_live_view",
    "register_notices",
    "register_record",
    "register_trace_owner",
    "registry",
    "render",
    "render_to_string",
    "requires",
    "retry_letters",
    "signed_in",
    "stop_instance",
    "subscribe",
    "verification_check",
    "wrong_on_purpose",
]
