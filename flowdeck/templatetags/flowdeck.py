"""Tags and filters of the pages: the marks, and how values are written."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flowdeck import words
from flowdeck.dashboard.shared import hues, marks
from flowdeck.dashboard.shared.removed import removed
from flowdeck.dashboard.shell import navigation
from flowdeck.dashboard.shell.once import FIELD

register = template.Library()

for _tag in (
    marks.dot,
    marks.tag,
    marks.state,
    marks.glyph,
    marks.icon,
    marks.correlation,
    marks.clock,
    marks.ago,
    marks.at,
    marks.tick,
    marks.moment_field,
    marks.marked,
    marks.processor,
    removed,
):
    register.simple_tag(_tag)
for _filter in (
    marks.role,
    marks.json_class,
    hues.producer_hue,
    hues.correlation_hue,
    words.short,
    words.duration,
    words.since,
    words.age,
    words.rate,
    words.thousands,
    words.figure,
    words.size,
):
    register.filter(_filter)
register.filter("words", words.listed)


@register.filter
def counted(number: int, nouns: str) -> str:
    """``{{ n|counted:"event" }}``, or with both nouns: ``"delivery,deliveries"``."""
    one, _, many = nouns.partition(",")
    return words.counted(number, one, many)


@register.simple_tag(name="once")
def once_key() -> SafeString:
    """The field of a form that acts, by which a second submit of it is known."""
    return format_html('<input type="hidden" name="{}" value="{}">', FIELD, uuid4())


@register.simple_tag(takes_context=True)
def shell(context: Any) -> str:
    """Put what the shell needs into the context of this page, and of no other of the project."""
    for name, value in navigation.navigation(context.request).items():
        context[name] = value
    return ""


@register.filter
def longer(seconds: float) -> float:
    """How much the other took longer."""
    return -seconds


@register.simple_tag
def graph_url(page: Any, node: Any) -> str:
    """The page of a trace with this delivery selected."""
    return str(page.delivery_url(node.row.name))


@register.filter
def as_json(value: Any) -> str:
    """A plain value on one line."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def initials(name: str) -> str:
    """Two letters for an avatar."""
    return name[:2].upper()


@register.filter
def item(mapping: dict[str, Any], name: str) -> Any:
    """What ``mapping`` holds under ``name``; nothing if it does not."""
    return mapping.get(name, "")
