"""The search finds a dead letter by its number, as the console, the audit and commands show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from flowdeck import parsing
from flowdeck.dashboard.shell import finders
from flowdeck.dashboard.shell.finders import Hit
from flowdeck.models import Delivery
from flowdeck.people.access import can


def letter_named(text: str) -> Delivery | None:
    """The delivery that is or was a dead letter of this number: ``4711``, ``#4711``, ``4,711``."""
    number = parsing.number(re.sub(r"^#|,", "", text))
    if number is None:
        return None
    return Delivery.objects.filter(letter=number).select_related("event").first()


def find_letters(user: Any, query: str) -> Iterator[Hit]:
    """The dead letter of this number."""
    if not can(user, "view_dead_letters"):
        return
    if (letter := letter_named(query)) is not None:
        note = f"{letter.event.type} for {letter.processor}: {letter.state}"
        url = reverse("flowdeck:letter", args=[letter.letter])
        yield Hit(f"Dead letter {letter.letter}", url, note, "dead-letters")


def register() -> None:
    """Let the search ask it."""
    finders.register("Dead letters", 35, find_letters)
