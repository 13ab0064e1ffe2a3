"""The lab's words, and how texts link to them."""

from __future__ import annotations

import re

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

TERMS = {
    "attempt": "One try at a delivery. Failed ones are kept with their error.",
    "backoff": "Waiting longer after each failed attempt.",
    "bell": "A message that says there is work, and carries nothing else.",
    "broker topology": "Processors react to each other's events; nobody is in charge.",
    "causation id": "The id of the event that directly caused this one.",
    "compensation": "Undoing what was done before a later step failed: a refund, a release.",
    "complex event processing": "Finding a pattern over several events that none of them shows.",
    "correlation id": "The id shared by all that one request set off.",
    "CQRS": "Writing through commands, reading from read models made for the question.",
    "dead letter": "A delivery whose attempts are used up; it waits for a person.",
    "delivery": "One event on its way to one processor.",
    "event": "An immutable record of something that happened.",
    "event sourcing": "Keeping the events as the truth; a state is what they add up to.",
    "event time": "When something happened, not when it was heard of.",
    "eventual consistency": "Two places differ for a while, and agree in the end.",
    "idempotency key": "Names one piece of work, the same on every attempt.",
    "key": "What order is kept by: the stream, unless the event type names a field.",
    "lane": "A share of a processor's keys; one worker at a time works on it.",
    "log": "All events, in the order in which they were appended. Nothing in it changes.",
    "mediator topology": "A mediator decides each next step and asks for it.",
    "parked": "Waiting because an earlier one with the same key is not done.",
    "poison message": "A message that no attempt will ever handle.",
    "processor": "A named subscriber: events in, effects and further events out.",
    "projection": "A processor that only writes its own read model.",
    "read model": "A table made from events to answer one kind of question.",
    "replay": "Running projections over the stored log again.",
    "stream": "The ordered history of one thing, such as one order.",
    "sweep": "Each worker looking for due work by itself, once a second.",
    "synchronous call": "Asking another program and waiting for its answer.",
    "trace": "All events of one correlation id, with their deliveries.",
    "upcaster": "Turns a stored payload of version n into version n + 1 when it is read.",
    "window": "A stretch of event time in which a pattern is looked for.",
}


def linked(texts: tuple[str, ...]) -> list[SafeString]:
    """``texts`` with each term, where it first stands, as a link into the glossary."""
    page, seen = reverse("lab:glossary"), set[str]()
    return [_linked(text, page, seen) for text in texts]


def entries() -> list[tuple[str, str, str]]:
    """Anchor, term and meaning of each word."""
    return [(_anchor(term), term, TERMS[term]) for term in sorted(TERMS, key=str.lower)]


def terms_in(text: str) -> set[str]:
    """The terms that a text uses."""
    return {_term(match) for match in _ANY.finditer(text)}


def _linked(text: str, page: str, seen: set[str]) -> SafeString:
    pieces, end = [], 0
    for match in _ANY.finditer(text):
        term = _term(match)
        pieces.append(format_html("{}", text[end : match.start()]))
        end = match.end()
        if term in seen:
            pieces.append(format_html("{}", match[0]))
            continue
        seen.add(term)
        pieces.append(
            format_html(
                '<a class="link" href="{}#{}" title="{}">{}</a>',
                page,
                _anchor(term),
                TERMS[term],
                match[0],
            )
        )
    pieces.append(format_html("{}", text[end:]))
    return mark_safe("".join(pieces))  # noqa: S308 (each piece is escaped above)


def _pattern(term: str) -> str:
    return f"{term[:-1]}(?:y|ies)" if term.endswith("y") else f"{term}s?"


def _term(match: re.Match[str]) -> str:
    return next(term for term, place in _PLACES.items() if match[place])


def _anchor(term: str) -> str:
    return term.lower().replace(" ", "-")


# The longest first: "event time" is not "event". Each term has a group of its own.
_LONGEST_FIRST = sorted(TERMS, key=len, reverse=True)
_ANY = re.compile(
    r"\b(?:" + "|".join(f"({_pattern(term)})" for term in _LONGEST_FIRST) + r")\b", re.IGNORECASE
)
_PLACES = {term: place for place, term in enumerate(_LONGEST_FIRST, 1)}
