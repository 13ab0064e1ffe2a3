"""The websocket: JSON both ways, limits on everything a browser sends.

============================================  ===================================================
browser                                       server
============================================  ===================================================
``{"subscribe": [names], "seen": frame}``     ``{"frame": n, "html": ..., "at": time, "views": []}``
``{"unsubscribe": [names]}``                  ``{"refused": [{"view": ..., "reason": ...}]}``
``{"ping": t}``                               ``{"pong": t}``
\\                                             ``{"waiting": "database"}`` while it is away
\\                                             ``{"error": ...}`` for what can't be understood
\\                                             ``{"signed_out": true}``, then close 4401
============================================  ===================================================
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from flowdeck.conf import conf
from flowdeck.live import feed
from flowdeck.live.crowd import VIEWS_PER_SOCKET
from flowdeck.live.permission import refusals
from flowdeck.live.socket import SIGNED_OUT, Socket
from flowdeck.live.views import find

TOO_BIG = 1009
"""Close code: a message was too large."""

TOO_MANY = 4429
"""Close code: too many messages, or too many sockets of one person."""

_LARGEST = 8_192  # characters of one message
_BURST, _PER_SECOND = 40, 10  # messages
_LARGEST_PING = 2**53


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser tab."""

    async def connect(self) -> None:
        """Accept, and close at once with 4401 if nobody is signed in (a refusal hides the code)."""
        await self.accept()
        self.socket: Socket | None = None
        self._allowance, self._counted = float(_BURST), time.monotonic()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.send(json.dumps({"signed_out": True}))
            await self.close(SIGNED_OUT)
            return
        if feed.current().crowd.is_full(user):
            most = conf().LIVE_SOCKETS_PER_USER
            await self.send(json.dumps({"error": f"At most {most} live pages at once."}))
            await self.close(TOO_MANY)
            return
        session = self.scope.get("session")
        key = session.session_key if session is not None else None
        self.socket = Socket(user, key, self.send, self.close)
        self._returning = True
        self._pump = asyncio.create_task(self.socket.pump(feed.current().caught_up))
        feed.current().watch(self.socket, [])

    async def disconnect(self, code: int) -> None:
        """Stop watching."""
        if self.socket is not None:
            feed.current().unwatch(self.socket)
            self._pump.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one message; whatever it holds, this does not raise."""
        socket = self.socket
        if socket is None:
            return
        if len(text_data or bytes_data or "") > _LARGEST:
            socket.close(TOO_BIG)
            return
        if not self._may_speak():
            socket.close(TOO_MANY)
            return
        message = _parsed(text_data)
        if "ping" in message and _is_number(message["ping"]):
            socket.answer({"pong": message["ping"]})
        elif "subscribe" in message:
            await self._subscribe(socket, message["subscribe"], message.get("seen"))
        elif "unsubscribe" in message:
            found = [find(name) for name in _names(message["unsubscribe"])]
            feed.current().unwatch(socket, [name.text for name in found if name is not None])
        else:
            socket.answer({"error": "Send subscribe, unsubscribe or ping as a JSON object."})

    async def _subscribe(self, socket: Socket, wanted: object, seen: object) -> None:
        watching = feed.current().watched_by(socket)
        asked = {text: find(text) for text in dict.fromkeys(_names(wanted))}
        new = [text for text, name in asked.items() if name is None or name.text not in watching]
        room = VIEWS_PER_SOCKET - len(watching)
        refused = await refusals(socket.user, new[:room])
        refused |= dict.fromkeys(new[room:], f"At most {VIEWS_PER_SOCKET} views at once.")
        named = {text: name for text in new if text not in refused and (name := asked[text])}
        beyond = feed.current().crowd.beyond(socket, named.values())
        crowd = f"At most {conf().LIVE_VIEWS_PER_USER} views at once on all your pages."
        refused |= {text: crowd for text, name in named.items() if name in beyond}
        if refused:
            socket.tell_refused(refused)
        found = [name for text, name in named.items() if text not in refused]
        # What was seen before is a base only for what a returning page watched all the time.
        last = int(seen) if self._returning and _is_number(seen) else None  # type: ignore[call-overload]
        self._returning = False
        feed.current().watch(socket, found, last)

    def _may_speak(self) -> bool:
        now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._counted) * _PER_SECOND)
        self._counted = now
        self._allowance -= 1
        return self._allowance >= 0


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _names(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [name for name in listed if isinstance(name, str)][:100]


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < _LARGEST_PING  # also refuses nan and infinity
