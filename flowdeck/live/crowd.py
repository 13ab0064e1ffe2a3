"""How many live pages and views one person may have: a web process is everybody's."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from flowdeck.conf import conf
from flowdeck.live.socket import Socket
from flowdeck.live.views import Name

VIEWS_PER_SOCKET = 16


class Crowd:
    """The open sockets by person. ``watched`` has the names of what each socket watches."""

    def __init__(self, watched: Mapping[Socket, Collection[str]]) -> None:
        self._watched = watched
        self._sockets: dict[Hashable, set[Socket]] = {}

    def enter(self, socket: Socket) -> None:
        """Count ``socket``, once."""
        self._sockets.setdefault(socket.user.pk, set()).add(socket)

    def leave(self, socket: Socket) -> None:
        """Count ``socket`` no more."""
        left = self._sockets.get(socket.user.pk, set()) - {socket}
        if left:
            self._sockets[socket.user.pk] = left
        else:
            self._sockets.pop(socket.user.pk, None)

    def is_full(self, user: Any) -> bool:
        """Whether ``user`` has as many open sockets as one person may have."""
        return len(self._sockets.get(user.pk, ())) >= conf().LIVE_SOCKETS_PER_USER

    def beyond(self, socket: Socket, names: Iterable[Name]) -> list[Name]:
        """Those of ``names`` that are more than one person may watch, on all sockets together."""
        mine = self._sockets.get(socket.user.pk, ())
        known = {name for one in mine for name in self._watched[one]}
        refused = []
        for name in names:
            if name.text in known or len(known) < conf().LIVE_VIEWS_PER_USER:
                known.add(name.text)
            else:
                refused.append(name)
        return refused
