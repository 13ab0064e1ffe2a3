"""The tables of the event runtime."""

from events.models.access import ApiToken
from events.models.alert import AlertRule
from events.models.archive import Archive, ArchivedStream
from events.models.delivery import Attempt, Delivery, DeliveryState
from events.models.event import Event, Stream
from events.models.lane import Lane, ProcessorState, Worker
from events.models.personal_key import PersonalKey
from events.models.replay import ReplayRun
from events.models.resolution import AuditedDelivery, AuditEntry, BulkAction, DeadLetterGroup
from events.models.saved_view import SavedView

__all__ = [
    "AlertRule",
    "ApiToken",
    "Archive",
    "ArchivedStream",
    "Attempt",
    "AuditEntry",
    "AuditedDelivery",
    "BulkAction",
    "DeadLetterGroup",
    "Delivery",
    "DeliveryState",
    "Event",
    "Lane",
    "PersonalKey",
    "ProcessorState",
    "ReplayRun",
    "SavedView",
    "Stream",
    "Worker",
]
