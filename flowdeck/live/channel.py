"""A channel: what one audience sees of one view, and who watches it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError

from flowdeck.live.changes import Changes
from flowdeck.live.views import Fragment, LiveView, Name

if TYPE_CHECKING:
    from flowdeck.live.socket import Socket

logger = logging.getLogger("flowdeck.live")

_HISTORY = 50  # frames kept for sockets that reconnect: five seconds of a flood
_HISTORY_CHARACTERS = 400_000


class Channel:
    """One live view of one audience: rendered once, sent to many.

    ``sockets`` have all it ever sent; ``joining`` wait for a fresh region, until the feed has
    handed it to them: while it is rendered, whoever leaves must not take the channel along.
    ``sent`` remembers what each fragment looked like, so that only differences go out. ``turn`` is
    when it had its last.
    """

    def __init__(self, name: Name, view: LiveView) -> None:
        self.name = name.text
        self.view = view
        self.sockets: set[Socket] = set()
        self.joining: set[Socket] = set()
        self.failed = False
        self.turn = 0.0
        self._held = Changes()
        self._rendered_at = 0.0
        self._sent: dict[str, str] = {}
        self._history: deque[tuple[int, str]] = deque(maxlen=_HISTORY)
        self._complete_after: int | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody still watches."""
        return bool(self.sockets or self.joining)

    def take(self, changes: Changes, now: float, look: bool) -> Changes:
        """What to render now of ``changes`` and those held back; nothing if it is too soon.

        ``look``: this frame is one of the feed's own looks, which ends all holding back.
        """
        if look and self.view.beats:
            changes = Changes(unknown=True)
        if not look and now - self._rendered_at < self.view.interval:
            self._held.merge(changes)
            return Changes()
        if self._held:
            self._held.merge(changes)
            changes, self._held = self._held, Changes()
        if changes:
            self._rendered_at = now
        return changes

    def postpone(self, changes: Changes, look: bool) -> bool:
        """Keep ``changes`` for the next frame; whether there is anything to render then."""
        if look and self.view.beats:
            changes = Changes(unknown=True)
        self._held.merge(changes)
        return bool(self._held)

    def render(self, changes: Changes, joining: bool) -> tuple[str, str]:
        """The html for those who have everything, and for those who join; either may be empty.

        Never raises: a view that fails is rendered whole with the next frame.
        """
        try:
            if self.failed or not self.sockets:
                update = fresh = self._remembered(self.view.regions())
                self.failed = False
            else:
                update = self._changed(self.view.patch(changes)) if changes else ""
                fresh = self._for_joining() if joining else ""
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Live view %r could not be read: %s", self.name, error)
            self.failed = True
        except Exception:
            logger.exception("Live view %r failed; it is tried again.", self.name)
            self.failed = True
        return ("", "") if self.failed else (update, fresh)

    def note(self, frame: int, html: str) -> None:
        """Keep a frame for sockets that come back."""
        if self._complete_after is None:
            self._complete_after = frame - 1
        if len(self._history) == _HISTORY:
            self._complete_after = self._history[0][0]
        self._history.append((frame, html))
        while sum(len(kept) for _, kept in self._history) > _HISTORY_CHARACTERS:
            self._complete_after = self._history.popleft()[0]

    def since(self, frame: int | None) -> str | None:
        """What came after ``frame``, or None if that is not known any more."""
        if frame is None or self._complete_after is None or frame < self._complete_after:
            return None
        return "".join(html for number, html in self._history if number > frame)

    def _for_joining(self) -> str:
        # A view of its own: what the watching sockets have must stay the base of their patches.
        fragments = type(self.view)(self.view.user, self.view.argument).regions()
        for fragment in fragments:
            if fragment.keep and self._sent.get(fragment.id) != fragment.html:
                self._sent.pop(fragment.id, None)  # newer than what the others have: send it again
        return "".join(fragment.html for fragment in fragments)

    def _changed(self, fragments: Iterable[Fragment]) -> str:
        return "".join(fragment.html for fragment in fragments if self._is_news(fragment))

    def _is_news(self, fragment: Fragment) -> bool:
        if not fragment.keep:
            return True
        before = self._sent.get(fragment.id)
        self._sent[fragment.id] = fragment.html
        return before != fragment.html

    def _remembered(self, fragments: Iterable[Fragment]) -> str:
        listed = list(fragments)
        self._sent = {fragment.id: fragment.html for fragment in listed if fragment.keep}
        return "".join(fragment.html for fragment in listed)
