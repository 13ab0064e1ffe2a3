"""The JSON API of the engine: events, traces and processors. The site mounts it with others."""

from events.api.auth import authentication
from events.api.problems import handle_problems
from events.api.router import router

__all__ = ["authentication", "handle_problems", "router"]
