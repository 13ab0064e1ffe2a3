"""How all pages and live fragments are rendered, so that they are the same for everybody.

Django writes a number in a template as the language of the request does, also where it is no text:
``x="12,5%"`` is no place in an SVG, and ``data-position="1.234"`` is another event. Times are UTC:
one fragment goes to readers of all time zones, and a reload has to agree with it. The page's script
puts them into the reader's zone (``static/flowdeck/js/zone.js``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.backends.django import Template
from django.template.context import make_context
from django.template.loader import get_template
from django.utils import timezone


def render(
    request: HttpRequest,
    name: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int | None = None,
) -> HttpResponse:
    """A page, as ``django.shortcuts.render`` makes it, in no language's numbers."""
    return HttpResponse(render_to_string(name, context, request), status=status)


def render_to_string(
    name: str, context: Mapping[str, Any] | None = None, request: HttpRequest | None = None
) -> str:
    """A fragment, likewise."""
    template = get_template(name)
    assert isinstance(template, Template), f"{name} is no template of Django's own engine"
    escapes = template.backend.engine.autoescape
    bound = make_context(dict(context or {}), request, autoescape=escapes)
    bound.use_l10n = False
    with timezone.override(UTC):
        return template.template.render(bound)
