"""``GET /why``: why something has not happened, as a chain of facts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema

from flowdeck.api.problems import require
from flowdeck.people.access import can
from flowdeck.why.answer import Kind
from flowdeck.why.ask import why
from flowdeck.why.plain import as_dict
from flowdeck.why.subject import LONGEST

router = Router(tags=["why"])
Page = Literal[
    "trace",
    "stream",
    "event",
    "letter",
    "processor",
    "processors",
    "timer",
    "timers",
    "process",
    "connector",
]


class Asked(Schema):
    """What is asked about."""

    of: str = Field(
        "",
        max_length=LONGEST,
        description="a stream, an id of a trace or event, a processor, a connector; or a kind and "
        "a name, such as `letter:28`, `timer:5`, `event:7`, `process:shipping:parcel-7`",
    )


class LinkOut(Schema):
    """Where it can be looked up: a kind of page, and the name of what it shows."""

    kind: Page
    name: str


class FactOut(Schema):
    """One fact."""

    kind: Kind
    said: str
    more: str = Field(description="what there is to say beside it, such as an error")
    since: datetime | None
    until: datetime | None = Field(description="when it ends by itself")
    link: LinkOut


class WayOut(Schema):
    """What would end it, and what comes of that."""

    do: str
    then: str
    link: LinkOut | None


class AnswerOut(Schema):
    """The answer: ``facts`` begin with the first cause; there are none if all is well."""

    of: LinkOut
    conclusion: str
    well: bool = Field(description="nothing is missing, or it is being done")
    needs_a_person: bool = Field(description="it does not end by itself")
    facts: list[FactOut]
    ways: list[WayOut]
    others: list[FactOut] = Field(description="first causes beside it")
    ruled_out: list[str]
    as_of: datetime


@router.get("/why", response=AnswerOut, summary="Ask why something has not happened")
def ask(request: HttpRequest, asked: Query[Asked]) -> AnswerOut:
    """Facts out of rows and declarations, the first cause first; no model, nothing is changed."""
    require(can(request.user, "view_log"))
    found = why(asked.of)
    if found is None:
        raise Http404(
            f"Nothing is called {asked.of[:60]!r}: give of=, such as a stream or letter:28."
        )
    return AnswerOut(**as_dict(found))
