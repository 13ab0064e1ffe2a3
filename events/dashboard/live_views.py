"""The dashboard's live views by name. Importing this registers them."""

from events import live
from events.dashboard.event.live import EventPeopleView, EventView
from events.dashboard.flow.live import FlowNodeView, FlowView
from events.dashboard.letters.live import DeadLettersView, LettersView
from events.dashboard.logs.live import LogView
from events.dashboard.logs.live_count import LogCountView
from events.dashboard.processors.live import ProcessorsView, RateView
from events.dashboard.replay.live import ReplayView
from events.dashboard.shell.live_alerts import AlertsView
from events.dashboard.timeline.live import TimelineView
from events.dashboard.trace.live import TracesView, TraceView

live.register("log", LogView)
live.register("log-count", LogCountView)
live.register("event", EventView)
live.register("event-people", EventPeopleView)
live.register("trace", TraceView)
live.register("traces", TracesView)
live.register("processors", ProcessorsView)
live.register("rate", RateView)
live.register("replay", ReplayView)
live.register("timeline", TimelineView)
live.register("dead-letters", DeadLettersView)
live.register("letters", LettersView)
live.register("alerts", AlertsView)
live.register("flow", FlowView)
live.register("flow-node", FlowNodeView)
