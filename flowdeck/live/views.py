"""Live views: what a browser can watch, and what a view has to say of itself."""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flowdeck.errors import RegistrationError
from flowdeck.live.changes import Changes
from flowdeck.people.access import can

logger = logging.getLogger("flowdeck.live")

_NAME = re.compile(r"[a-z][a-z-]{0,39}")
_LONGEST_ARGUMENT = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not watch a view; a sentence for the person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a page that is replaced as a whole.

    ``html`` is one element with its ``id`` and ``hx-swap-oob``, or an ``<hx-partial>`` (which table
    rows need: the HTML parser drops a bare ``<tr>`` between other elements). The feed does not send
    a fragment again whose html is as it was sent last; with ``keep=False`` it does not remember it
    (a new row of a list, which comes once; a list whose rows are
    fragments of their own, since what was sent of the list is then no longer what the page has).
    """

    id: str
    html: str
    keep: bool = True


class LiveView:
    """One watched view: subclass it, then ``live.register(name, YourView)``.

    There is one instance per audience: one for all watchers of the same name and argument, or, with
    ``per_user = True``, one for each user (``self.user``; None otherwise). It lives while somebody
    watches and may remember what it last rendered. All methods run in a thread and may query; no
    two at the same time on one instance.

    ``permission``: what somebody needs to watch it; where more than that counts, :meth:`allowed`
    says so. ``beats``: it changes by time alone (rates, ages), so it is rendered once a second.
    ``interval`` (seconds, at most 1): it is rendered no more often than that, for figures that
    nobody could read faster.
    """

    permission: ClassVar[str] = ""
    per_user: ClassVar[bool] = False
    beats: ClassVar[bool] = False
    interval: ClassVar[float] = 0.0

    def __init__(self, user: Any, argument: str) -> None:
        """``argument`` is what follows the colon in the watched name, or empty."""
        self.user = user
        self.argument = argument

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The one spelling of an untrusted ``argument``; None if the view can't have such a one.

        Whatever asks for the same has one spelling, and so is rendered once. By default a view has
        no argument. Must not query; what ``allowed`` is to refuse with a reason is left as it is.
        """
        return None if argument else ""

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """None if ``user`` may watch the view with this (untrusted) argument, else why not.

        By default whoever has the permission may; nobody, if there is none.
        """
        if not cls.permission:
            return Refusal("This view is not open to anybody.")
        decision = can(user, cls.permission)
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """Everything, rendered afresh: what a reload of the page would show."""
        raise NotImplementedError

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """What ``changes`` made different; by default all regions, of which equal ones are dropped.

        Return nothing quickly if the changes do not concern this view.
        """
        return self.regions()

    @classmethod
    def stale(cls, views: Sequence[LiveView]) -> Iterable[LiveView]:
        """Which of the watched instances to render again after changes that nobody announced.

        Asked at most once a second for all instances together, so answer with one query for all if
        there may be many of them. By default all.
        """
        return views


@dataclass(frozen=True, slots=True)
class Name:
    """A parsed name of a view, ``trace:<correlation id>``, in its one spelling."""

    text: str
    view: type[LiveView]
    argument: str

    def audience(self, user: Any) -> Hashable:
        """Who shares one rendering of it."""
        return (self.text, user.pk if self.view.per_user else None)


_views: dict[str, type[LiveView]] = {}


def register(name: str, view: type[LiveView]) -> None:
    """Let browsers watch ``view`` as ``name`` or ``name:argument``. Raises RegistrationError."""
    known = _views.get(name)
    if not _NAME.fullmatch(name):
        raise RegistrationError(f"Live view {name!r}: a name is 1 to 40 small letters or '-'.")
    if known is not None and known.__qualname__ != view.__qualname__:
        raise RegistrationError(
            f"Live view {name!r} is registered twice: {known.__qualname__} and {view.__qualname__}."
        )
    _views[name] = view


def find(text: object) -> Name | None:
    """The view that a browser asks for, or None if there is none of this name and argument."""
    if not isinstance(text, str) or len(text) > _LONGEST_ARGUMENT:
        return None
    name, _, given = text.partition(":")
    view = _views.get(name)
    argument = None if view is None else _canonical(view, given)
    if view is None or argument is None:
        return None
    return Name(f"{name}:{argument}" if argument else name, view, argument)


def _canonical(view: type[LiveView], argument: str) -> str | None:
    try:
        return view.canonical(argument)
    except Exception:
        # It comes from outside: what a view stumbles over is no argument of it.
        logger.exception("Live view %r failed to read its argument.", view.__qualname__)
        return None
