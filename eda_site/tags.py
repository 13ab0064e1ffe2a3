"""Tags of the site's own pages: the sign-in and the shop."""

from __future__ import annotations

from django import template

from eda_site import art
from events.money import money

register = template.Library()

_BLURBS = {
    "customer": "places orders, sees their own",
    "operator": "watches all, mends dead letters, pauses",
    "teacher": "runs the lab, sets faults",
}


@register.inclusion_tag("registration/art.html")
def timeline_art() -> dict[str, art.Picture]:
    """The picture beside the sign-in."""
    return {"picture": art.picture()}


register.filter(money)


@register.filter
def blurb(account: str) -> str:
    """What a demo account is for."""
    return _BLURBS.get(account, "")
