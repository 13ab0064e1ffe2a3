"""The marks of a page: dots of states, glyphs of events, icons, correlations, times.

They come hundreds of times on a page, so they are formatted here and not by templates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowdeck import words
from flowdeck.clock import now
from flowdeck.dashboard.shared import hues
from flowdeck.declare.registry import registry
from flowdeck.declare.states import DeliveryState

STATES = frozenset((*DeliveryState, "ghost", "no"))
ROLES = frozenset(("start", "event", "end", "refusal"))


@lru_cache(maxsize=1024)
def dot(state: str, label: str = "", size: str = "") -> SafeString:
    """The dot of a delivery's state; ``label`` says it when the dot stands alone."""
    shape = state if state in STATES else DeliveryState.PENDING
    kind = f"dot {size} s-{shape}" if size else f"dot s-{shape}"
    return _mark(kind, f"s-{shape}", "0 0 10 10", label)


def tag(state: str, text: str) -> SafeString:
    """A tag: only for a state that asks for attention."""
    mark = "" if state in ("ghost", "line") else dot(state)
    return format_html('<span class="tag {}">{}{}</span>', state, mark, text)


def state(name: str, text: str = "") -> SafeString:
    """A state in words with its dot, where it asks for no attention."""
    return format_html('<span class="state {}">{}{}</span>', name, dot(name), text or name)


@lru_cache(maxsize=1024)
def glyph(producer: str, role: str = "event", label: str = "") -> SafeString:
    """The glyph of an event: hue says the producer, shape the role. A refusal has its own hue."""
    shape = role if role in ROLES else "event"
    hue = "s-no" if shape == "refusal" else hues.producer_hue(producer)
    return _mark(f"gl {hue}", f"g-{shape}", "0 0 14 14", label)


@lru_cache(maxsize=256)
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """An icon of the sprite (16, 14 or 12 px)."""
    return _mark("i" if size == 16 else f"i i-{size}", f"i-{name}", "0 0 16 16", label)


def correlation(correlation_id: UUID | str, url: str = "") -> SafeString:
    """A correlation: its hue beside its short id, as a link if ``url`` is given."""
    inside = format_html(
        '<i class="{}"></i>{}', hues.correlation_hue(correlation_id), words.short(correlation_id)
    )
    if url:
        return format_html('<a class="corr" href="{}">{}</a>', url, inside)
    return format_html('<span class="corr">{}</span>', inside)


def clock(moment: datetime | None) -> SafeString:
    """A time of day to the millisecond: hours and minutes dim, seconds strong.

    The date stands before it when it is not today; the title has all of it, with the zone. This and
    all other times are UTC, which the script of the page puts into the reader's zone.
    """
    if moment is None:
        return format_html("{}", "–")
    local = moment.astimezone(UTC)
    return format_html(
        '<time class="clock" datetime="{}" data-form="clock" title="{}">'
        '<span class="h">{}{}</span>{}</time>',
        moment.isoformat(),
        words.moment(local),
        words.day(local),
        local.strftime("%H:%M:"),
        f"{local:%S}.{local.microsecond // 1000:03d}",
    )


def ago(moment: datetime | None, form: str = "age") -> SafeString:
    """How long ago (``age``) or how long until (``countdown``); the page keeps it true."""
    if moment is None:
        return format_html("{}", "–")
    distance = abs((now() - moment).total_seconds())
    text = words.long(round(distance)) if form == "age" else words.countdown(distance)
    return format_html(
        '<time datetime="{}" data-time="{}" data-form="{}" title="{}">{}</time>',
        moment.isoformat(),
        form,
        form,
        words.moment(moment.astimezone(UTC)),
        text,
    )


def at(moment: datetime | None, form: str = "hour") -> SafeString:
    """A time within a text: ``moment``, ``hour``, or ``until`` that hour, counted down."""
    if moment is None:
        return format_html("{}", "–")
    utc = moment.astimezone(UTC)
    whole = words.moment(utc)
    texts = {"moment": whole, "hour": words.hour(utc), "until": f"until {words.hour(utc)}"}
    counted = SafeString(' data-time="countdown"' if form == "until" else "")
    return format_html(
        '<time datetime="{}" data-form="{}"{} title="{}">{}</time>',
        moment.isoformat(),
        form,
        counted,
        whole,
        texts[form],
    )


def tick(moment: datetime, form: str = "time") -> SafeString:
    """The same inside of the text of a drawing: a ``time`` of day, an ``hour`` or a ``day``."""
    utc = moment.astimezone(UTC)
    texts = {"time": words.time_of_day(utc), "hour": words.hour(utc), "day": str(utc.day)}
    return format_html(
        '<title data-form="moment" data-at="{0}">{1}</title>'
        '<tspan data-form="{2}" data-at="{0}">{3}</tspan>',
        moment.isoformat(),
        words.moment(utc),
        form,
        texts[form],
    )


def moment_field(name: str, value: datetime | None = None, required: bool = False) -> SafeString:
    """An input of a date and a time of 24 hours, which names its zone whatever is typed."""
    return format_html(
        '<input class="mono" name="{}" value="{}"{} data-behaviour="moment" size="25" '
        'maxlength="40" autocomplete="off" spellcheck="false" placeholder="2026-11-23 14:00Z" '
        'title="A date and a time of 24 hours; without a zone it is the one of the page">',
        name,
        f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if value else "",
        SafeString(" required" if required else ""),
    )


def processor(name: str) -> SafeString:
    """The name of a processor, as a link to its page if it is declared."""
    if name not in registry.processors:
        return format_html('<span class="mid">{}</span>', name)
    url = reverse("flowdeck:processor", args=[name])
    return format_html('<a class="mid" href="{}">{}</a>', url, name)


def marked(text: str, query: str) -> SafeString:
    """Text with the first place marked where the query occurs, whatever its case."""
    at = text.lower().find(query.lower()) if query else -1
    if at < 0:
        return format_html("{}", text)
    end = at + len(query)
    return format_html("{}<mark>{}</mark>{}", text[:at], text[at:end], text[end:])


def _mark(kind: str, symbol: str, box: str, label: str) -> SafeString:
    if label:
        named = '<svg class="{}" viewBox="{}" role="img" aria-label="{}"><use href="#{}"/></svg>'
        return format_html(named, kind, box, label, symbol)
    unnamed = '<svg class="{}" viewBox="{}" aria-hidden="true"><use href="#{}"/></svg>'
    return format_html(unnamed, kind, box, symbol)


def role(event: Any) -> str:
    """The role of an event: refusal, start, event, or end (at most read models listen)."""
    declared = registry.event_types.get(event.type)
    if declared is not None and declared.is_refusal(event.data):
        return "refusal"
    if event.causation_id is None:
        return "start"
    listeners = registry.subscribers(event.type)
    return "end" if all(processor.replayable for processor in listeners) else "event"


def json_class(text: str) -> str:
    """The class that colours a value which is written as JSON."""
    if text.startswith('"'):
        return "js"
    return "jn" if text[:1].isdigit() or text.startswith("-") else "jx"
