"""Bars and marks of the timeline as text: hundreds of them a frame, too many for includes.

Only numbers and names of this code go in unescaped; what comes from events is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from flowdeck.dashboard.shared.hues import producer_hue
from flowdeck.dashboard.shared.marks import role
from flowdeck.dashboard.timeline.shapes import Bar, Mark
from flowdeck.words import short

register = template.Library()


@register.simple_tag
def bars(shown: Iterable[Bar]) -> SafeString:
    """Rectangles; a bar without a width is a wall of 2 px."""
    return mark_safe("".join(map(_bar, shown)))  # noqa: S308 (numbers only)


@register.simple_tag
def marks(shown: Iterable[Mark], seconds: int) -> SafeString:
    """Events, each a link that selects it."""
    return mark_safe("".join(_mark(mark, seconds) for mark in shown))  # noqa: S308 (escaped)


def _bar(bar: Bar) -> str:
    width = f"{bar.width}%" if bar.width else "2"
    round_ends = ' rx="2"' if bar.height == 8 else ""
    return (
        f'<rect x="{bar.x}%" y="{bar.y}" width="{width}" height="{bar.height}"{round_ends} '
        f'class="{bar.kind}"/>'
    )


def _mark(mark: Mark, seconds: int) -> str:
    event, shape = mark.event, role(mark.event)
    hue = "s-no" if shape == "refusal" else producer_hue(event.producer)
    name = escape(f"{event.type} {event.stream}#{event.sequence}")
    cause = f' data-cause="{mark.cause}"' if mark.cause else ""
    current = ' aria-current="true"' if mark.selected else ""
    return (
        f'<a id="tl-{event.position}" href="?window={seconds}&amp;selected={event.position}" '
        f'data-position="{event.position}" data-c="{short(event.correlation_id)}"{cause} '
        f'tabindex="-1" class="ev {hue}{" kin" if mark.kin else ""}"'
        f'{current} aria-label="{name}">'
        f'<title>{name}</title><use href="#g-{shape}" x="{mark.x}%" y="{mark.y}" width="12" '
        'height="12"/></a>'
    )
