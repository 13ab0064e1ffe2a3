"""The JSON API of the engine: events, traces, processors, connectors, dead letters, alerts,
objectives, timers, limits, and why something has not happened.

The site mounts it.
"""

from flowdeck.api.alerts import router as alerts_router
from flowdeck.api.connectors import router as connectors_router
from flowdeck.api.dead_letters import router as dead_letters_router
from flowdeck.api.following import router as events_router
from flowdeck.api.json_api import JsonAPI
from flowdeck.api.limits import router as limits_router
from flowdeck.api.objectives import router as objectives_router
from flowdeck.api.problems import require_action
from flowdeck.api.releases import router as releases_router
from flowdeck.api.repairs import router as repairs_router
from flowdeck.api.reveal import router as reveal_router
from flowdeck.api.timers import router as timers_router
from flowdeck.api.why import router as why_router

__all__ = [
    "JsonAPI",
    "alerts_router",
    "connectors_router",
    "dead_letters_router",
    "events_router",
    "limits_router",
    "objectives_router",
    "releases_router",
    "repairs_router",
    "require_action",
    "reveal_router",
    "timers_router",
    "why_router",
]
