"""What a figure has to be: ``>= 25000`` or ``<= 200``."""

from __future__ import annotations


def met(goal: str, value: float) -> bool:
    """Whether a figure is as good as its goal says."""
    sign, limit = goal.split()
    return value >= float(limit) if sign == ">=" else value <= float(limit)


def line(name: str, value: float, goal: str) -> str:
    """A figure, its goal, and whether it is met, as they are printed."""
    return f"{name:<32}{value:>12,.2f}  {goal:>9}  {'yes' if met(goal, value) else 'NO'}"
