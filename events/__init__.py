"""The shop: what happened in it, how orders are decided, and where people watch them.

Start with :mod:`events.domain_events`, the facts that the processors react to.
"""
