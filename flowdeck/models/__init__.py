"""The tables of the event runtime."""

from flowdeck.models.access import Access, ApiToken
from flowdeck.models.alert import AlertRule
from flowdeck.models.archive import Archive, ArchivedStream, ImportedRange, RemovedDeliveries
from flowdeck.models.connector import Connector, InletOffset, WebhookAttempt
from flowdeck.models.correction import Correction
from flowdeck.models.delivery import Answer, Attempt, DeadLetter, Delivery, Done, Due
from flowdeck.models.event import Event, Stream
from flowdeck.models.flow_control import FlowControl, FlowGroup
from flowdeck.models.foreign_span import ForeignSpan
from flowdeck.models.history import Current, Fold, Gauge, Handled, Produced, Tally, Trace
from flowdeck.models.lane import Lane, ProcessorState, Release, Settled, SilentBell, Worker
from flowdeck.models.objective import Objective, Reached
from flowdeck.models.personal_key import PersonalKey
from flowdeck.models.process import ProcessInstance, ProcessStep
from flowdeck.models.repair import Repair
from flowdeck.models.replay import ReplayRun
from flowdeck.models.resolution import AuditedDelivery, AuditEntry, BulkAction, DeadLetterGroup
from flowdeck.models.saved_view import SavedView
from flowdeck.models.schedule import Schedule
from flowdeck.models.submission import Submission
from flowdeck.models.subscription import Subscription
from flowdeck.models.timer import Clock, Timer

__all__ = [
    "Access",
    "AlertRule",
    "Answer",
    "ApiToken",
    "Archive",
    "ArchivedStream",
    "Attempt",
    "AuditEntry",
    "AuditedDelivery",
    "BulkAction",
    "Clock",
    "Connector",
    "Correction",
    "Current",
    "DeadLetter",
    "DeadLetterGroup",
    "Delivery",
    "Done",
    "Due",
    "Event",
    "FlowControl",
    "FlowGroup",
    "Fold",
    "ForeignSpan",
    "Gauge",
    "Handled",
    "ImportedRange",
    "InletOffset",
    "Lane",
    "Objective",
    "PersonalKey",
    "ProcessInstance",
    "ProcessStep",
    "ProcessorState",
    "Produced",
    "Reached",
    "Release",
    "RemovedDeliveries",
    "Repair",
    "ReplayRun",
    "SavedView",
    "Schedule",
    "Settled",
    "SilentBell",
    "Stream",
    "Submission",
    "Subscription",
    "Tally",
    "Timer",
    "Trace",
    "WebhookAttempt",
    "Worker",
]
