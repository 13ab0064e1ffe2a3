"""The navigation: entries that apps register, and what of them one person sees.

The tag ``shell`` puts it into the context of a page. An entry that the person may not open is not
shown; one whose address does not exist is left out too, so that apps may come and go. Where the
database may not be asked (:mod:`flowdeck.dashboard.shell.own_thread`) it is the shell of nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse

from flowdeck.conf import conf
from flowdeck.dashboard.shell.own_thread import in_own_thread
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment
from flowdeck.people import access

logger = logging.getLogger("flowdeck.dashboard")

SECTIONS = ("Watch", "Operate", "Learn")
"""The library's own; those that apps add stand above them."""

THEMES = ("light", "dark")
TABS = 5
"""Entries in the tab bar of narrow screens; the others stand behind "More"."""


@dataclass(frozen=True, slots=True)
class Count:
    """What stands behind an entry: ``4 open``, or with ``alert`` what needs a person."""

    text: str
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``count`` gets the user and answers a Count, or None for nothing to say.

    ``key`` opens it after a ``g``. ``tab`` keeps it in the tab bar of narrow screens. ``live``
    names the live view that keeps the count true (:func:`count_fragment`).
    """

    section: str
    label: str
    url_name: str
    icon: str
    order: int
    permission: str | None = None
    count: Callable[[Any], Count | None] | None = None
    key: str = ""
    tab: bool = False
    live: str = ""

    @property
    def slug(self) -> str:
        """What its parts of the page are named after."""
        return self.url_name.replace(":", "-")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something unusual that is on for this person, above their name on every page, and where to
    end it. It ends by itself at ``until``, or was so ``since`` then."""

    text: str
    url: str
    until: datetime | None = None
    since: datetime | None = None
    icon: str = "bolt"


_entries: dict[str, Entry] = {}
_notices: list[Callable[[Any], list[Notice]]] = []


def register(
    section: str,
    label: str,
    url_name: str,
    icon: str,
    order: int,
    permission: str | None = None,
    count: Callable[[Any], Count | None] | None = None,
    key: str = "",
    tab: bool = False,
    live: str = "",
) -> None:
    """Add an entry (``icon`` names a symbol of templates/shell/icons.html).

    Registering a ``url_name`` again replaces its entry.
    """
    _entries[url_name] = Entry(
        section=section,
        label=label,
        url_name=url_name,
        icon=icon,
        order=order,
        permission=permission,
        count=count,
        key=key,
        tab=tab,
        live=live,
    )


def count_fragment(url_name: str, count: Count | None) -> Fragment:
    """The count behind an entry as a live view sends it. Raises KeyError if there is no entry."""
    entry = _entries[url_name]
    context = {"slug": entry.slug, "count": count, "live": entry.live, "oob": True}
    return Fragment(f"count-{entry.slug}", render_to_string("flowdeck/live/count.html", context))


def register_notices(notices: Callable[[Any], list[Notice]]) -> None:
    """Ask ``notices(user)`` for what every page is to tell this person."""
    if notices not in _notices:
        _notices.append(notices)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What the shell shows: ``nav_sections``, ``notices``, ``theme`` and the like.

    In another thread than the request's also ``user``: nobody.
    """
    theme = request.COOKIES.get("flowdeck-theme", "")
    return {
        **({} if in_own_thread(request) else {"user": AnonymousUser()}),
        "nav_sections": _sections(request),
        "notices": _notices_for(request),
        "theme": theme if theme in THEMES else "",
        "badge": conf().BADGE,
        "sign_in_url": resolve_url(settings.LOGIN_URL),
        "sign_out_url": sign_out_url(),
        "may_watch_log": bool(_user(request) and access.can(request.user, "view_log")),
    }


def sign_out_url() -> str:
    """Where pages post to for signing out; empty if FLOWDECK["LOGOUT_URL"] names no address."""
    named = conf().LOGOUT_URL
    try:
        return resolve_url(named) if named else ""
    except NoReverseMatch:
        return ""  # `manage.py check` says so


def _sections(request: HttpRequest) -> list[dict[str, Any]]:
    user = _user(request)
    if user is None:
        return []
    items = [item for entry in sorted(_entries.values(), key=_rank) if (item := _item(entry, user))]
    here = max((i["url"] for i in items if request.path.startswith(i["url"])), key=len, default="")
    sections: dict[str, list[dict[str, Any]]] = {}
    tabs = sorted(items, key=lambda item: not item["tab"])[:TABS]
    for item in items:
        active = item["url"] == here and (here != "/" or request.path == "/")
        sections.setdefault(item.pop("section"), []).append(
            {**item, "tab": item in tabs, "active": active}
        )
    return [{"title": title, "items": shown} for title, shown in sections.items()]


def _notices_for(request: HttpRequest) -> list[Notice]:
    user = _user(request)
    return [notice for tell in _notices for notice in tell(user)] if user else []


def _user(request: HttpRequest) -> Any:
    user = getattr(request, "user", None) if in_own_thread(request) else None
    return user if user is not None and user.is_authenticated else None


def _item(entry: Entry, user: Any) -> dict[str, Any] | None:
    if entry.permission is not None and not access.can(user, entry.permission):
        return None
    try:
        url = reverse(entry.url_name)
    except NoReverseMatch:
        logger.debug("navigation: no address named %r", entry.url_name)
        return None
    count = entry.count(user) if entry.count else None
    return {
        "section": entry.section,
        "label": entry.label,
        "url": url,
        "icon": entry.icon,
        "slug": entry.slug,
        "count": count,
        "live": entry.live,
        "key": entry.key,
        "tab": entry.tab,
    }


def _rank(entry: Entry) -> tuple[int, str, int, str]:
    known = SECTIONS.index(entry.section) if entry.section in SECTIONS else -1
    return known, entry.section, entry.order, entry.label
