"""Checking a living database: does it hold what the invariants promise?

Checks only read, in chunks of positions, so they can run beside the workers. Each looks at events
up to the position at which the verification began, and what is still under way is no violation.
Apps register checks of their own domain with :func:`check`.
"""

from flowdeck.verification import deliveries, log, state, traces
from flowdeck.verification.checking import Check, Scope, Violation, check, verify

__all__ = ["Check", "Scope", "Violation", "check", "deliveries", "log", "state", "traces", "verify"]
