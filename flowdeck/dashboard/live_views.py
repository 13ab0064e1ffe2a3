"""The dashboard's live views by name. Importing this registers them."""

from flowdeck import live
from flowdeck.dashboard.event.live import EventPeopleView, EventView
from flowdeck.dashboard.flow.live import FlowNodeView, FlowView
from flowdeck.dashboard.letters.live import DeadLettersView, LettersView
from flowdeck.dashboard.logs.live import LogView
from flowdeck.dashboard.logs.live_count import LogCountView
from flowdeck.dashboard.processors.live import ProcessorsView, RateView
from flowdeck.dashboard.replay.live import ReplayView
from flowdeck.dashboard.shell.live_alerts import AlertsView
from flowdeck.dashboard.timeline.live import TimelineView
from flowdeck.dashboard.trace.live import TracesView, TraceView

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
