"""The lab's words, and how texts link to them."""

from __future__ import annotations

import re

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

TERMS = {
    "attempt": "One try at a delivery. Failed ones are kept with their error.",
    "bell": "A message that says there is work, and carries nothing else.",
    "broker topology": "Processors react to each other's events; nobody is in charge.",
    "causation id": "The id of the event that directly caused this one.",
    "correlation id": "The id shared by all that one request set off.",
    "dead letter": "A delivery whose attempts are used up; it waits for a person.",
    "delivery": "One event on its way to one processor.",
    "event": "An immutable record of something that happened.",
    "idempotency key": "Names one piece of work, the same on every attempt.",
    "key": "What order is kept by: the stream, unless the event type names a field.",
    "lane": "A share of a processor's keys; one worker at a time works on it.",
    "mediator topology": "A mediator decides each next step and asks for it.",
    "parked": "Waiting because an earlier one with the same key is not done.",
    "processor": "A named subscriber: events in, effects and further events out.",
    "projection": "A processor that only writes its own read model.",
    "sweep": "Each worker looking for due work by itself, once a second.",
    "trace": "All events of one correlation id, with their deliveries.",
}
_TERM = re.compile(r"\[\[([A-Za-z ]+)\]\]")


def linked(text: str) -> SafeString:
    """``text`` with its [[terms]] as links into the glossary. A term it does not have: KeyError."""
    page = reverse("lab:glossary")
    pieces = _TERM.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (
                format_html(
                    '<a class="link" href="{}#{}" title="{}">{}</a>',
                    page, _anchor(piece.lower()), TERMS[piece.lower()], piece,
                )
                if place % 2
                else piece,
            )
            for place, piece in enumerate(pieces)
        ),
    )  # fmt: skip


def entries() -> list[tuple[str, str, str]]:
    """Anchor, term and meaning of each word."""
    return [(_anchor(term), term, meaning) for term, meaning in sorted(TERMS.items())]


def _anchor(term: str) -> str:
    return term.replace(" ", "-")
