"""The feed: one per web process, between what changed and all sockets that watch.

It gathers bells for a moment, reads what is new once, renders each view once per audience and hands
the same text to all sockets. Its cost grows with changes and views, not with viewers. Once a second
it also looks for itself (:mod:`flowdeck.live.pulse`), so that no page depends on a bell.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.live import nearby
from flowdeck.live.announce import group
from flowdeck.live.changes import Changes
from flowdeck.live.channel import Channel
from flowdeck.live.crowd import Crowd
from flowdeck.live.frame import Frame, Plan, Rendered, read
from flowdeck.live.permission import refusals
from flowdeck.live.pulse import Pulse
from flowdeck.live.socket import Socket
from flowdeck.live.turns import Turns
from flowdeck.live.views import Name

logger = logging.getLogger("flowdeck.live")

_GATHER = 0.02  # seconds to wait for more bells when nothing was sent lately
_INTERVAL = 0.1  # seconds from one frame to the next at least
_SHARE = 1  # the feed leaves this many times its own processor time to everybody else
_TICK = 1.0  # seconds between looks of its own
_SESSIONS = 5.0  # seconds between checks of who is still signed in
_AGAIN = 1.0  # seconds before the channel layer is tried again
_PEOPLE = 3  # of those who watch a view, asked for how much they used


class Feed:
    """All watched views of one web process (one event loop)."""

    def __init__(self) -> None:
        self.frame = secrets.randbelow(2**40) << 12  # another process's numbers mean nothing here
        self._channels: dict[Hashable, Channel] = {}
        self._watched: dict[Socket, dict[str, Channel]] = {}
        self.crowd = Crowd(self._watched)
        self._turns = Turns()
        self._changes = Changes()
        self._pulse: Pulse | None = None
        self._away = False
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._ticked = self._checked = self._next = 0.0
        self._thread = ThreadPoolExecutor(1, "live-feed")

    def watch(self, socket: Socket, names: Iterable[Name], seen: int | None = None) -> None:
        """Let ``socket`` watch views it is allowed to; it gets what it missed since ``seen``.

        Without ``seen``, or if that is too long ago, it gets whole regions.
        """
        if self._away and socket not in self._watched:
            socket.tell_waiting(self._away)
        mine = self._watched.setdefault(socket, {})
        self.crowd.enter(socket)
        for name in names:
            if name.text in mine:
                continue
            channel = self._channel(name, socket)
            mine[name.text] = channel
            missed = channel.since(seen) if channel.sockets else None
            if missed is None:
                channel.joining.add(socket)
            else:
                channel.sockets.add(socket)
                self._hand_over(socket, [channel], missed)
        self._start()
        self._wake.set()

    def unwatch(self, socket: Socket, names: Iterable[str] | None = None) -> None:
        """End watching ``names``, or all; the last socket to leave stops the feed."""
        mine = self._watched.get(socket, {})
        for name in list(mine) if names is None else [n for n in dict.fromkeys(names) if n in mine]:
            channel = mine.pop(name)
            channel.sockets.discard(socket)
            channel.joining.discard(socket)
        self._channels = {key: c for key, c in self._channels.items() if c.watched}
        if names is None:
            self._watched.pop(socket, None)
            self.crowd.leave(socket)
        if not self._watched:
            self._stop()

    def watched_by(self, socket: Socket) -> list[str]:
        """Names of the views that ``socket`` watches."""
        return list(self._watched.get(socket, ()))

    def caught_up(self, socket: Socket) -> None:
        """A slow socket has read all that was queued: it gets whole regions instead of the rest."""
        for channel in self._watched.get(socket, {}).values():
            channel.sockets.discard(socket)
            channel.joining.add(socket)
        self._wake.set()

    def notice(self, changes: Changes) -> None:
        """A bell rang."""
        self._changes.merge(changes)
        self._wake.set()

    def _channel(self, name: Name, socket: Socket) -> Channel:
        key = name.audience(socket.user)
        if key not in self._channels:
            view = name.view(socket.user if name.view.per_user else None, name.argument)
            self._channels[key] = Channel(name, view)
        return self._channels[key]

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._run(), name="live-feed"),
                asyncio.create_task(self._listen(), name="live-feed-listen"),
            ]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks, self._pulse, self._changes = [], None, Changes()

    async def _listen(self) -> None:
        """Hear the bells; while the channel layer is away, the looks of its own have to do."""
        if conf().IN_PROCESS_WORKER:
            await nearby.listen(self.notice)
        while True:
            layer = get_channel_layer()
            name = None
            try:
                name = await layer.new_channel()
                await layer.group_add(group(), name)
                self.notice(Changes(unknown=True))  # bells may have rung before we listened
                while True:
                    self.notice(Changes.from_message(await layer.receive(name)))
            except Exception as error:
                logger.warning("Live pages look for changes once a second: %s", error)
                await asyncio.sleep(_AGAIN)
            finally:
                if name is not None:
                    with suppress(Exception):
                        await asyncio.wait_for(layer.group_discard(group(), name), _AGAIN)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                rest = self._ticked + _TICK - time.monotonic()
                await asyncio.wait_for(self._wake.wait(), max(rest, 0.0))
            await self._gather()
            try:
                await self._send_frame()
            except Exception:
                # Nobody else would send the next one.
                logger.exception("A live frame failed; all get whole regions in a moment.")
                await asyncio.sleep(_AGAIN)
                for socket in self._watched:
                    self.caught_up(socket)

    async def _gather(self) -> None:
        """Let a burst become one frame; leave time to the rest of the process."""
        await asyncio.sleep(max(_GATHER, self._next - time.monotonic()))

    async def _send_frame(self) -> None:
        began = time.monotonic()
        plan = self._plan(began)
        done = await database_sync_to_async(read, thread_sensitive=False, executor=self._thread)(
            plan
        )
        if plan.look:
            self._pulse = done.pulse
        if done.away is not None:
            self._tell(done.away)
        for socket in done.signed_out:
            socket.sign_out()
        await self._check_rights(done.changed_rights)
        handing = time.thread_time()
        self._hand_out(done.rendered)
        if done.postponed:
            self._wake.set()
        took = done.took + time.thread_time() - handing
        self._next = max(began + _INTERVAL, time.monotonic() + min(1.0, took * _SHARE))

    def _plan(self, now: float) -> Plan:
        self._wake.clear()
        changes, self._changes = self._changes, Changes()
        look = changes.unknown or now - self._ticked >= _TICK
        check = changes.sessions or now - self._checked >= _SESSIONS
        self._ticked = now if look else self._ticked
        self._checked = now if check else self._checked
        frames = []
        for channel in self._channels.values():
            joining = set(channel.joining)  # they stay there until they are let in
            watchers = len(channel.sockets) + len(joining)
            some = islice(chain(channel.sockets, joining), _PEOPLE)
            people = tuple(socket.user.pk for socket in some)
            frames.append(Frame(channel, joining, people, max(watchers, 1)))
        sockets = list(self._watched) if check else []
        return Plan(
            changes=changes,
            before=self._pulse,
            frames=frames,
            look=look,
            sockets=sockets,
            now=now,
            turns=self._turns,
        )

    def _tell(self, away: bool) -> None:
        """Pages say what they wait for while the database is away, and that it is back."""
        if away != self._away:
            self._away = away
            for socket in self._watched:
                socket.tell_waiting(away)

    async def _check_rights(self, sockets: Iterable[Socket]) -> None:
        for socket in sockets:
            names = [channel.name for channel in self._watched.get(socket, {}).values()]
            refused = await refusals(socket.user, names)
            self.unwatch(socket, list(refused))
            if refused:
                socket.tell_refused(refused)

    def _hand_out(self, rendered: Iterable[Rendered]) -> None:
        """The same text to all sockets that get the same pieces."""
        self.frame += 1
        pieces: dict[Socket, list[tuple[Channel, bool]]] = {}
        html: dict[tuple[Channel, bool], str] = {}
        for result in rendered:
            channel = result.frame.channel
            html[channel, False], html[channel, True] = result.update, result.fresh
            if result.update:
                channel.note(self.frame, result.update)
                for socket in channel.sockets:
                    pieces.setdefault(socket, []).append((channel, False))
            self._let_in(result, pieces)
        texts: dict[tuple[tuple[Channel, bool], ...], str] = {}
        for socket, parts in pieces.items():
            key = tuple(parts)
            if key not in texts:
                texts[key] = self._text([c for c, _ in key], "".join(html[p] for p in key))
            socket.offer(texts[key])

    def _let_in(self, result: Rendered, pieces: dict[Socket, list[tuple[Channel, bool]]]) -> None:
        channel = result.frame.channel
        for socket in result.frame.joining:
            if self._watched.get(socket, {}).get(channel.name) is not channel:
                continue  # it has left meanwhile
            if channel.failed:
                continue
            channel.joining.discard(socket)
            channel.sockets.add(socket)
            pieces.setdefault(socket, []).append((channel, True))

    def _hand_over(self, socket: Socket, channels: list[Channel], html: str) -> None:
        socket.offer(self._text(channels, html))

    def _text(self, channels: list[Channel], html: str) -> str:
        return json.dumps(
            {
                "frame": self.frame,
                "at": clock.counted().isoformat(),
                "views": [channel.name for channel in channels],
                "html": html,
            }
        )


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()


def current() -> Feed:
    """The feed of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _feeds:
        _feeds[loop] = Feed()
    return _feeds[loop]
