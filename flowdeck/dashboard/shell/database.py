"""The database: who holds it up, what it has still to do, how large it is and grows."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from flowdeck.dashboard.shell.page import requires
from flowdeck.dashboard.shell.rendering import render
from flowdeck.observe.database import database_state, named


@requires("view_database")
def database(request: HttpRequest) -> HttpResponse:
    """The figures of this moment."""
    state = database_state()
    whose = named(state.holder) if state.holder else ""
    return render(request, "flowdeck/database/page.html", {"database": state, "whose": whose})
