"""The JSON API of the site: the engine's and the shop's resources under one description."""

from __future__ import annotations

from events.api import router as shop_router
from flowdeck.api import (
    JsonAPI,
    alerts_router,
    connectors_router,
    dead_letters_router,
    events_router,
    limits_router,
    objectives_router,
    releases_router,
    repairs_router,
    reveal_router,
    timers_router,
    why_router,
)

api = JsonAPI(
    title="Flowdeck",
    version="1.0.0",
    description=(
        "Sign in with a session, or send `Authorization: Bearer <token>` "
        '(`manage.py create_token USER`). Refusals are `{"detail": "..."}`.'
    ),
    urls_namespace="api",
    docs_url=None,  # its page loads scripts from elsewhere, which our CSP rightly refuses
)
api.add_router("", shop_router)
api.add_router("", events_router)
api.add_router("", connectors_router)
api.add_router("", reveal_router)
api.add_router("", dead_letters_router)
api.add_router("", alerts_router)
api.add_router("", objectives_router)
api.add_router("", releases_router)
api.add_router("", timers_router)
api.add_router("", limits_router)
api.add_router("", repairs_router)
api.add_router("", why_router)
