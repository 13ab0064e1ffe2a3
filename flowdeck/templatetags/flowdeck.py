"""Tags and filters of the pages: the marks of DESIGN.md and how values are written.

The marks come hundreds of times on a page, so they are formatted here and not by templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowdeck.dashboard.shared import hues
from flowdeck.dashboard.shell import art
from flowdeck.declare.registry import registry

register = template.Library()

STATES = frozenset(
    ("ghost", "pending", "running", "retrying", "done", "parked", "dead", "discarded", "no")
)
ROLES = frozenset(("start", "event", "end", "refusal"))
SHORT_ID = 7
ROLE_BLURBS = {
    "customer": "places orders, sees their own",
    "operator": "watches all, mends dead letters, pauses",
    "teacher": "runs the lab, sets faults",
    "viewer": "sees all, changes nothing",
}


@register.simple_tag
@lru_cache(maxsize=1024)
def dot(state: str, label: str = "", size: str = "") -> SafeString:
    """The dot of a delivery's state; ``label`` says it when the dot stands alone."""
    shape = state if state in STATES else "pending"
    kind = f"dot {size} s-{shape}" if size else f"dot s-{shape}"
    return _mark(kind, f"s-{shape}", "0 0 10 10", label)


@register.simple_tag
def tag(state: str, words: str) -> SafeString:
    """A tag: only for a state that asks for attention."""
    mark = "" if state in ("ghost", "line") else dot(state)
    return format_html('<span class="tag {}">{}{}</span>', state, mark, words)


@register.simple_tag
def state(name: str, words: str = "") -> SafeString:
    """A state in words with its dot, where it asks for no attention."""
    return format_html('<span class="state {}">{}{}</span>', name, dot(name), words or name)


@register.simple_tag
@lru_cache(maxsize=1024)
def glyph(producer: str, role: str = "event", label: str = "") -> SafeString:
    """The glyph of an event: hue says the producer, shape the role. A refusal has its own hue."""
    shape = role if role in ROLES else "event"
    hue = "s-no" if shape == "refusal" else hues.producer_hue(producer)
    return _mark(f"gl {hue}", f"g-{shape}", "0 0 14 14", label)


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """An icon of the sprite (16, 14 or 12 px)."""
    return _mark("i" if size == 16 else f"i i-{size}", f"i-{name}", "0 0 16 16", label)


@register.simple_tag
def correlation(correlation_id: UUID | str, url: str = "") -> SafeString:
    """A correlation: its hue beside its short id, as a link if ``url`` is given."""
    inside = format_html(
        '<i class="{}"></i>{}', hues.correlation_hue(correlation_id), short(correlation_id)
    )
    if url:
        return format_html('<a class="corr" href="{}">{}</a>', url, inside)
    return format_html('<span class="corr">{}</span>', inside)


@register.inclusion_tag("flowdeck/parts/timeline_art.html")
def timeline_art() -> dict[str, art.Picture]:
    """The picture beside the sign-in."""
    return {"picture": art.picture()}


@register.filter
def role(event: Any) -> str:
    """The role of an event: refusal, start, event, or end (at most read models listen)."""
    declared = registry.event_types.get(event.type)
    if declared is not None and declared.is_refusal(event.data):
        return "refusal"
    if event.causation_id is None:
        return "start"
    listeners = registry.subscribers(event.type)
    return "end" if all(processor.replayable for processor in listeners) else "event"


@register.filter
def producer_hue(producer: str) -> str:
    """Class of a producer's hue."""
    return hues.producer_hue(producer)


@register.filter
def correlation_hue(correlation_id: UUID | str) -> str:
    """Class of a correlation's hue."""
    return hues.correlation_hue(correlation_id)


@register.filter
def short(identifier: UUID | str) -> str:
    """The short form of an id: its end, since ids of the same moment begin alike."""
    return str(identifier)[-SHORT_ID:]


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A duration in the unit one would say it in: 61 ms, 1.04 s, 2 min 5 s, 3 h 20 min."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0.0005:
        return "0 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    return _long(round(seconds))


@register.filter
def since(later: datetime | None, earlier: datetime | None) -> timedelta | None:
    """The time from ``earlier`` to the piped moment; None if either is unknown."""
    return None if later is None or earlier is None else later - earlier


@register.filter
def longer(seconds: float) -> float:
    """How much the other took longer."""
    return -seconds


@register.simple_tag
def graph_url(page: Any, node: Any) -> str:
    """The page of a trace with this delivery selected."""
    return str(page.delivery_url(node.row.pk))


@register.simple_tag
def clock(moment: datetime | None) -> SafeString:
    """A time of day to the millisecond: hours and minutes dim, seconds strong."""
    if moment is None:
        return format_html("{}", "–")
    local = timezone.localtime(moment)
    return format_html(
        '<time class="clock" datetime="{}"><span class="h">{}</span>{}</time>',
        moment.isoformat(),
        local.strftime("%H:%M:"),
        f"{local:%S}.{local.microsecond // 1000:03d}",
    )


@register.simple_tag
def ago(moment: datetime | None, form: str = "age") -> SafeString:
    """How long ago (``age``) or how long until (``countdown``); the page keeps it true."""
    if moment is None:
        return format_html("{}", "–")
    distance = abs((timezone.now() - moment).total_seconds())
    text = _long(round(distance)) if form == "age" else _seconds(distance)
    return format_html(
        '<time datetime="{}" data-time="{}" title="{}">{}</time>',
        moment.isoformat(),
        form,
        date_format(timezone.localtime(moment), "j M Y, H:i:s"),
        text,
    )


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago in its biggest unit, as plain text: 5 h."""
    if moment is None:
        return "–"
    return " ".join(_long(round((timezone.now() - moment).total_seconds())).split()[:2])


@register.filter
def rate(per_second: float) -> str:
    """How often in the unit one would say it in: 41/s, 1.4/s, 3/min."""
    if per_second >= 9.95:
        return f"{per_second:,.0f}/s"
    if per_second >= 0.0995:
        return f"{per_second:.1f}/s"
    return f"{per_second * 60:.0f}/min" if per_second else "0"


@register.filter
def thousands(value: int | None) -> str:
    """An exact count with separators; unknown is a dash, never 0."""
    return "–" if value is None else f"{value:,}"


@register.filter
def initials(name: str) -> str:
    """Two letters for an avatar."""
    return name[:2].upper()


@register.simple_tag
def marked(text: str, query: str) -> SafeString:
    """Text with the first place marked where the query occurs, whatever its case."""
    at = text.lower().find(query.lower()) if query else -1
    if at < 0:
        return format_html("{}", text)
    end = at + len(query)
    return format_html("{}<mark>{}</mark>{}", text[:at], text[at:end], text[end:])


@register.filter
def account(entry: str | dict[str, str]) -> dict[str, str]:
    """A demo account as ``username`` and ``blurb``, from a mere name or from a dict of them."""
    known = {"username": entry} if isinstance(entry, str) else entry
    return {**known, "blurb": known.get("blurb") or ROLE_BLURBS.get(known["username"], "")}


@register.filter
def item(mapping: dict[str, Any], name: str) -> Any:
    """What ``mapping`` holds under ``name``; nothing if it does not."""
    return mapping.get(name, "")


@register.filter
def words(items: Iterable[Any]) -> str:
    """``a, b and c``."""
    texts = [str(item) for item in items]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def _mark(kind: str, symbol: str, box: str, label: str) -> SafeString:
    if label:
        return format_html(
            '<svg class="{}" viewBox="{}" role="img" aria-label="{}"><use href="#{}"/></svg>',
            kind, box, label, symbol,
        )  # fmt: skip
    return format_html(
        '<svg class="{}" viewBox="{}" aria-hidden="true"><use href="#{}"/></svg>',
        kind, box, symbol,
    )  # fmt: skip


def _long(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return _two(days, "d", hours_left, "h")
    if hours:
        return _two(hours, "h", minutes_left, "min")
    return _two(minutes, "min", rest, "s") if minutes else f"{rest} s"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else _long(round(seconds))
