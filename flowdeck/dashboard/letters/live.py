"""The groups of dead letters, the progress of bulk actions, and single letters, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from flowdeck import parsing
from flowdeck.dashboard.letters.address import Console
from flowdeck.dashboard.letters.console import PAGE, bars, listed_groups, row_of, runs_of
from flowdeck.dashboard.letters.detail import now_of
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.letters.groups import MOST_GROUPS, Group, resolved_lately, totals
from flowdeck.live import Fragment, LiveView
from flowdeck.models import Delivery


class DeadLettersView(LiveView):
    """``dead-letters:<the page's query>``: figures, groups, progress.

    It beats, since bulk actions go on in other processes.
    """

    permission = "view_dead_letters"
    interval = 0.5
    beats = True

    def __init__(self, user: Any, argument: str) -> None:
        """``argument`` is how the page is grouped and filtered."""
        super().__init__(user, argument)
        self._console = Console.parse(QueryDict(argument))
        self._known: dict[str, Group] = {}

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The page's query as it writes it."""
        return Console.parse(QueryDict(argument)).query

    def regions(self) -> Sequence[Fragment]:
        """Figures, progress, and each group's figures (its buttons stay as they are)."""
        console = self._console
        found, held = listed_groups(console)
        gone = [
            _emptied(group)
            for value, group in self._known.items()
            if value not in {group.value for group in found}
        ]
        runs, others = runs_of(console, found + gone)
        self._known |= {group.value: group for group in found}
        figures = {
            "totals": totals(console.listed),
            "held": held,
            "hours": bars(found),
            "group_count": len(found),
            "most": len(found) == MOST_GROUPS,
        }
        fragments = [
            self._fragment("totals", figures),
            self._fragment("bulk", {"bulk_actions": others}),
            self._fragment("resolved", {"resolved": resolved_lately()}),
        ]
        for group in found + gone:
            context = {"row": row_of(console, group, held, runs), "group": group}
            html = render_to_string("flowdeck/dead_letters/_live_group.html", context)
            fragments.append(Fragment(f"group-{group.value}", html))
        return fragments

    def _fragment(self, part: str, context: dict[str, Any]) -> Fragment:
        template = f"flowdeck/dead_letters/_{part}.html"
        return Fragment(f"dl-{part}", render_to_string(template, {**context, "oob": True}))


class LettersView(LiveView):
    """``letters:<number>,<number>…``: the state of the letters that a page lists."""

    permission = "view_dead_letters"
    interval = 0.2

    def __init__(self, user: Any, argument: str) -> None:
        """``argument`` names the letters; what is no number is left out."""
        super().__init__(user, argument)
        self._numbers = _numbers(argument)

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The numbers, each once and in order."""
        return ",".join(map(str, sorted(set(_numbers(argument)))))

    def regions(self) -> Sequence[Fragment]:
        """The state cell of each."""
        found = Delivery.objects.filter(letter__in=self._numbers)
        return [
            Fragment(
                f"letter-{letter.letter}",
                render_to_string("flowdeck/dead_letters/_live_letter.html", {"letter": letter}),
            )
            for letter in found
        ]


class LetterView(LiveView):
    """``letter:<number>``: what becomes of the letter in the drawer."""

    permission = "view_dead_letters"
    interval = 0.2

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The number without leading zeros."""
        number = parsing.number(argument)
        return None if number is None else str(number)

    def regions(self) -> Sequence[Fragment]:
        """Its state with the buttons, and its attempts."""
        found = Delivery.objects.select_related("event")
        letter = found.filter(letter__in=_numbers(self.argument)).first()
        if letter is None:
            return []
        now = now_of(letter)
        context = {"letter": letter, "told": now.told, "counted": now.counted, "tries": now.tries}
        return [
            Fragment(
                f"letter-{part}-{letter.letter}",
                render_to_string(
                    f"flowdeck/dead_letters/_letter_{part}.html", {**context, "oob": True}
                ),
            )
            for part in ("now", "tries")
        ]


def _numbers(argument: str) -> list[int]:
    numbers = map(parsing.number, argument.split(","))
    return [number for number in numbers if number is not None][:PAGE]


def _emptied(group: Group) -> Group:
    """A group that the page still shows, although nothing of it is dead any more."""
    return replace(group, count=0, came_back=0, came_back_at=None, keys=0, per_hour=())
