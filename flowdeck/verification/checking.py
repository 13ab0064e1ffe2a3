"""What a check is, and running all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowdeck.errors import CheckImpossible
from flowdeck.log.positions import newest_position

CHUNK = 50_000  # positions looked at by one statement


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be: which check found it, and what exactly."""

    check: str
    detail: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a check looks at: positions above ``after`` up to and including ``until``."""

    until: int
    after: int = 0

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Ranges of positions (after, up to), covering all."""
        for after in range(self.after, self.until, CHUNK):
            yield after, min(after + CHUNK, self.until)


Check = Callable[[Scope], Iterator[str]]
_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register the decorated check: it yields one sentence for each violation it finds."""

    def register(function: Check) -> Check:
        _checks[name] = function
        return function

    return register


def verify(
    progress: Callable[[str], None] = lambda name: None,
    impossible: Callable[[str, str], None] = lambda name, reason: None,
) -> Iterator[Violation]:
    """Run all checks; ``progress`` is called with the name of each before it starts.

    ``impossible`` is told which could not be made (it raised CheckImpossible), and why.
    """
    scope = Scope(newest_position())
    for name, function in _checks.items():
        progress(name)
        try:
            for detail in function(scope):
                yield Violation(name, detail)
        except CheckImpossible as error:
            impossible(name, str(error))
