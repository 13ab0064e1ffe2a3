"""The dashboard's live views by name. Importing this registers them."""

from events import live
from events.dashboard.live_alerts import AlertsView
from events.dashboard.live_dead_letters import DeadLettersView, LettersView
from events.dashboard.live_event import EventPeopleView, EventView
from events.dashboard.live_flow import FlowNodeView, FlowView
from events.dashboard.live_log import LogView
from events.dashboard.live_log_count import LogCountView
from events.dashboard.live_processors import ProcessorsView, RateView
from events.dashboard.live_replay import ReplayView
from events.dashboard.live_timeline import TimelineView
from events.dashboard.live_traces import TracesView, TraceView

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
