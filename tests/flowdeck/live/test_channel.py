"""One view of one audience: only differences go out, and nobody misses one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdeck.live.changes import Changes
from flowdeck.live.channel import Channel
from flowdeck.live.views import Fragment, LiveView, Name

ANY = Changes(unknown=True)


class Board(LiveView):
    """A view over what the test writes on a board."""

    board: dict[str, str] = {}
    broken = False

    @classmethod
    def allowed(cls, user: Any, argument: str) -> None:
        return None

    def regions(self) -> Sequence[Fragment]:
        if Board.broken:
            raise RuntimeError("no chalk")
        return [Fragment(name, f"<b id={name}>{text}</b>") for name, text in Board.board.items()]


def channel(**board: str) -> Channel:
    """A channel over a fresh board with one socket on it that has everything."""
    Board.board, Board.broken = dict(board), False
    made = Channel(Name("board", Board, ""), Board(None, ""))
    assert made.render(ANY, joining=True)[1]
    made.sockets.add(object())  # type: ignore[arg-type]
    return made


def test_only_what_differs_is_sent() -> None:
    made = channel(a="1", b="1")
    assert made.render(ANY, joining=False) == ("", "")
    Board.board["b"] = "2"
    assert made.render(ANY, joining=False) == ("<b id=b>2</b>", "")
    assert made.render(ANY, joining=False) == ("", "")


def test_who_joins_gets_everything_and_the_others_lose_nothing() -> None:
    made = channel(a="1", b="1")
    Board.board["b"] = "2"  # unannounced so far
    update, fresh = made.render(Changes(), joining=True)
    assert update == ""
    assert fresh == "<b id=a>1</b><b id=b>2</b>"
    assert made.render(ANY, joining=False)[0] == "<b id=b>2</b>"


def test_a_change_back_while_somebody_joined_reaches_who_joined() -> None:
    made = channel(a="1")
    Board.board["a"] = "2"
    made.render(Changes(), joining=True)  # shown 2
    Board.board["a"] = "1"
    assert made.render(ANY, joining=False)[0] == "<b id=a>1</b>"


def test_a_view_that_failed_is_sent_whole_when_it_works_again() -> None:
    made = channel(a="1")
    Board.broken = True
    assert made.render(ANY, joining=False) == ("", "")
    assert made.failed
    Board.broken = False
    assert made.render(ANY, joining=False)[0] == "<b id=a>1</b>"
    assert not made.failed


def test_frames_are_kept_for_who_comes_back() -> None:
    made = channel(a="1")
    for frame in (11, 12, 13):
        made.note(frame, f"<{frame}>")
    assert made.since(11) == "<12><13>"
    assert made.since(13) == ""
    assert made.since(10) == "<11><12><13>"
    assert made.since(9) is None, "what came before the first frame is not known"
    assert made.since(None) is None


def test_what_is_kept_for_who_comes_back_is_bounded() -> None:
    made = channel(a="1")
    for frame in range(1, 200):
        made.note(frame, "x" * 20_000)
    assert made.since(100) is None
    assert made.since(198) == "x" * 20_000
    kept = made.since(185)
    assert kept is None or len(kept) <= 400_000


def test_a_slow_view_waits_for_its_interval_and_loses_nothing() -> None:
    made = channel(a="1")
    made.view.interval = 0.5  # type: ignore[misc]
    assert made.take(ANY, 100.0, look=False)
    announced = Changes()
    announced.touch(3)
    assert not made.take(announced, 100.1, look=False)
    assert 3 in made.take(Changes(), 100.7, look=True).positions
