"""The scenarios as the page offers them: with the outcome of each before it is pressed."""

from __future__ import annotations

from dataclasses import dataclass

from events import scenarios

ICONS = {
    "all_well": "well",
    "card_declined": "card",
    "out_of_stock": "box",
    "provider_down": "bolt",
    "slow": "slow",
    "poison": "skull",
}


@dataclass(frozen=True, slots=True)
class Story:
    """``value`` is what the order command knows it by; ``dots`` are the stages it ends with."""

    value: str
    label: str
    expect: str
    icon: str
    dots: tuple[str, ...]


def stories() -> list[Story]:
    """All stories; none where faults are not allowed."""
    if not scenarios.allowed():
        return []
    return [
        Story(
            slug,
            scenario.title,
            scenario.blurb,
            ICONS.get(slug, "bolt"),
            tuple("no" if stage == "refused" else stage for stage in scenario.stages),
        )
        for slug, scenario in scenarios.SCENARIOS.items()
    ]
