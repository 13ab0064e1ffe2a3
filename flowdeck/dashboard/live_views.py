"""The dashboard's live views by name."""

from flowdeck import live
from flowdeck.dashboard.connectors.live import AttemptsView, ConnectorsView
from flowdeck.dashboard.event.live import EventPeopleView, EventView
from flowdeck.dashboard.flow.live import FlowNodeView, FlowView
from flowdeck.dashboard.home.live import OverviewView
from flowdeck.dashboard.letters.live import DeadLettersView, LettersView, LetterView
from flowdeck.dashboard.logs.live import LogCountView, LogView
from flowdeck.dashboard.processes.live import ProcessView
from flowdeck.dashboard.processors.live import ProcessorsView, ProcessorView, RateView
from flowdeck.dashboard.replay.live import ReplayView
from flowdeck.dashboard.shell.live import AlertsView
from flowdeck.dashboard.timeline.live import TimelineView
from flowdeck.dashboard.timers.live import TimersView
from flowdeck.dashboard.trace.live import TracesView, TraceView

VIEWS: dict[str, type[live.LiveView]] = {
    "overview": OverviewView,
    "log": LogView,
    "log-count": LogCountView,
    "event": EventView,
    "event-people": EventPeopleView,
    "trace": TraceView,
    "traces": TracesView,
    "processor": ProcessorView,
    "processes": ProcessView,
    "processors": ProcessorsView,
    "connectors": ConnectorsView,
    "attempts": AttemptsView,
    "rate": RateView,
    "replay": ReplayView,
    "timeline": TimelineView,
    "timers": TimersView,
    "dead-letters": DeadLettersView,
    "letter": LetterView,
    "letters": LettersView,
    "alerts": AlertsView,
    "flow": FlowView,
    "flow-node": FlowNodeView,
}


def register() -> None:
    """Let sockets subscribe to them."""
    for name, view in VIEWS.items():
        live.register(name, view)
