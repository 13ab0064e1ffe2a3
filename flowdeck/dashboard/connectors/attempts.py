"""What the page of an outlet to a webhook shows: its attempts, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flowdeck.connect import posts
from flowdeck.connect.posts import Shown
from flowdeck.connect.standing import Standing, standing_of


@dataclass(frozen=True)
class AttemptsPage:
    """The page of one outlet; at most nine queries. Raises UnknownConnector."""

    name: str
    failed: bool = False
    before: int | None = None

    @property
    def live_view(self) -> str:
        """What keeps it up to date; empty for older ones."""
        return f"attempts:{self.name}:{'failed' if self.failed else 'all'}" * (self.before is None)

    @cached_property
    def standing(self) -> Standing:
        """How the outlet is doing."""
        return standing_of(self.name)

    @cached_property
    def rows(self) -> list[Shown]:
        """The attempts, the newest first."""
        return self._found[: posts.PAGE]

    @property
    def older(self) -> str:
        """The query of the page behind it; empty if it is the last."""
        if len(self._found) <= posts.PAGE:
            return ""
        return self.query(before=self.rows[-1].row.pk)

    def query(self, **more: Any) -> str:
        """The choices of the page and ``more`` of them."""
        kept: dict[str, Any] = {"failed": 1} if self.failed else {}
        return f"?{urlencode(kept | more)}"

    @cached_property
    def _found(self) -> list[Shown]:
        return posts.shown(self.name, failed=self.failed, before=self.before)
