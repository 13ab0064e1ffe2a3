"""Connectors, measured: how fast, how late, and what they cost those beside them."""
