"""The shop: a domain built on ``events``, with one module per processor."""
