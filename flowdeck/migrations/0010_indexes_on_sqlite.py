"""SQLite makes a table anew to add columns, and with it goes what Django does not know of.

So the columns of migration 0003 cost ``flowdeck_delivery`` the indexes of 0002. They come back here,
and with them what pages look for by state: on SQLite a partial index is used only if its condition
stands in the query word for word (``state__among`` in flowdeck/models/delivery.py).
"""

from importlib import import_module

from django.db import migrations

_rules = import_module("flowdeck.migrations.0002_database_rules")

OPEN = {
    # A handful of rows of millions, newest first: the log's filter by state, and the lanes' trouble.
    "postgresql": [
        "CREATE INDEX delivery_open ON flowdeck_delivery (state, position) "
        "WHERE state IN ('retrying', 'dead', 'discarded')",
    ],
    "sqlite": [
        *(
            statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS")
            for statement in _rules.INDEXES["sqlite"]
        ),
        "CREATE INDEX delivery_open ON flowdeck_delivery (state, position) "
        "WHERE state IN ('retrying', 'dead', 'discarded')",
    ],
}
NOT_OPEN = {vendor: ["DROP INDEX delivery_open"] for vendor in OPEN}


class Migration(migrations.Migration):
    """Indexes."""

    dependencies = [("flowdeck", "0009_token_scope")]
    operations = [_rules.PerDatabase(OPEN, NOT_OPEN)]
