"""The JSON API of the engine: events, traces, processors, dead letters. The site mounts it."""

from flowdeck.api.auth import authentication
from flowdeck.api.dead_letters import router as dead_letters_router
from flowdeck.api.problems import handle_problems, require_action
from flowdeck.api.reveal import router as reveal_router
from flowdeck.api.router import router as events_router

__all__ = [
    "authentication",
    "dead_letters_router",
    "events_router",
    "handle_problems",
    "require_action",
    "reveal_router",
]
