"""The JSON API of the engine: events, traces, processors, dead letters. The site mounts it."""

from flowdeck.api.dead_letters import router as dead_letters_router
from flowdeck.api.json_api import JsonAPI
from flowdeck.api.problems import require_action
from flowdeck.api.releases import router as releases_router
from flowdeck.api.reveal import router as reveal_router
from flowdeck.api.router import router as events_router

__all__ = [
    "JsonAPI",
    "dead_letters_router",
    "events_router",
    "releases_router",
    "require_action",
    "reveal_router",
]
