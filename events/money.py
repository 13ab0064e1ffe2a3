"""How money is written, on pages and in messages."""

from __future__ import annotations

from decimal import Decimal


def money(amount: Decimal) -> str:
    """€1,299.00: the shop knows one currency."""
    return f"€{amount:,.2f}"
