"""What a page asks for by plain HTTP while no socket opens: the same regions, the same permissions.

A proxy in front may swallow or refuse the upgrade to a websocket. Nothing is remembered between two
polls: each brings whole regions, as a reload of the page would show them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError

from flowdeck import clock
from flowdeck.live.crowd import VIEWS_PER_SOCKET
from flowdeck.live.permission import refused
from flowdeck.live.views import Name, find

logger = logging.getLogger("flowdeck.live")


def regions(user: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """The regions of the ``wanted`` views as a socket's messages have them.

    Holds ``html`` of the ``views`` (names as asked for) that ``user`` may watch, and those
    ``refused``, with the reason; beyond what one socket may watch all are. A view that fails is
    left out and logged. Raises DatabaseError and InterfaceError.
    """
    names = list(dict.fromkeys(wanted))
    reasons = refused(user, names[:VIEWS_PER_SOCKET])
    beyond = f"At most {VIEWS_PER_SOCKET} views at once."
    reasons |= dict.fromkeys(names[VIEWS_PER_SOCKET:], beyond)
    html = {
        text: _html(name, user)
        for text in names
        if text not in reasons and (name := find(text)) is not None
    }
    shown = {text: part for text, part in html.items() if part is not None}
    return {
        "at": clock.now().isoformat(),
        "views": list(shown),
        "html": "".join(shown.values()),
        "refused": [{"view": view, "reason": reason} for view, reason in reasons.items()],
    }


def _html(name: Name, user: Any) -> str | None:
    view = name.view(user if name.view.per_user else None, name.argument)
    try:
        return "".join(fragment.html for fragment in view.regions())
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        # The other regions of the page are as good as ever.
        logger.exception("Live view %r failed; it is tried again.", name.text)
        return None
