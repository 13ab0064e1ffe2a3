"""The JSON API of the engine: events, traces, processors, dead letters. The site mounts it."""

from events.api.auth import authentication
from events.api.dead_letters import router as dead_letters_router
from events.api.problems import handle_problems
from events.api.reveal import router as reveal_router
from events.api.router import router

__all__ = ["authentication", "dead_letters_router", "handle_problems", "reveal_router", "router"]
