"""Whether code runs in the thread of its request: the one whose database connection is given back.

Under ASGI Django renders the page of an error (404, 403) in a thread of its own. A connection that
is opened there stays open, so that a few dozen wrong addresses use up all that the database has.
What is rendered there asks the database nothing.
"""

from __future__ import annotations

import threading
from typing import Any

from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpRequest

_KEY = "flowdeck.thread"


@receiver(request_started, dispatch_uid="flowdeck.own_thread")
def _begins(scope: dict[str, Any] | None = None, **_: Any) -> None:
    # The end of a request is told in the thread in which its beginning is.
    if scope is not None:
        scope[_KEY] = threading.get_ident()


def in_own_thread(request: HttpRequest) -> bool:
    """Whether ``request`` may ask the database here; always, except on error pages under ASGI."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    here = threading.get_ident()
    own: int = scope.get(_KEY, here)
    return own == here
