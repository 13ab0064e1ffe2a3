"""Django's admin shows the engine's tables; the little it may do goes through the engine.

Nothing here adds, changes or deletes a row. Retry and discard are those of the dead-letter console.
Lists never count millions of rows and search by indexed fields only.
"""

from flowdeck.admin import letters, tables

__all__ = ["letters", "tables"]
