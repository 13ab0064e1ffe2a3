"""What the ORM can't say: the append-only rule, and the indexes of what is due and held back."""

from collections.abc import Sequence

from django.db import migrations


class PerDatabase(migrations.operations.base.Operation):
    """Run the statements meant for the database at hand."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, forwards: dict[str, Sequence[str]], backwards: dict[str, Sequence[str]]):
        self.forwards, self.backwards = forwards, backwards

    def state_forwards(self, app_label, state):
        """Models are as before."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        """Run the forward statements."""
        for statement in self.forwards[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        """Run the backward statements."""
        for statement in self.backwards[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    def deconstruct(self):
        """Name and arguments, as migrations need them."""
        return (type(self).__name__, [self.forwards, self.backwards], {})


UNFINISHED = "state IN ('pending', 'retrying')"
HOLDING = "state IN ('retrying', 'dead')"
REFUSAL = "events are immutable: publish a new event that corrects the old one"

INDEXES = {
    "postgresql": [
        "CREATE INDEX delivery_due ON flowdeck_delivery (processor, (slot >> 6), position) "
        f"WHERE {UNFINISHED}",
        f"CREATE INDEX delivery_held ON flowdeck_delivery (processor, slot) WHERE {HOLDING}",
        "CREATE INDEX delivery_dead ON flowdeck_delivery (id) WHERE state = 'dead'",
        # Django adds a second index for LIKE to each text key; nothing looks streams up like that.
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexname FROM pg_indexes WHERE "
        "tablename = 'flowdeck_stream' AND indexname ~ '_like$' LOOP "
        "EXECUTE 'DROP INDEX ' || quote_ident(name); END LOOP; END $$",
        # Each delivery is updated once soon after its insert; the default would let millions of
        # dead rows gather before the first vacuum.
        "ALTER TABLE flowdeck_delivery SET (autovacuum_vacuum_scale_factor = 0.02, "
        "autovacuum_analyze_scale_factor = 0.02)",
    ],
    "sqlite": [
        f"CREATE INDEX delivery_due ON flowdeck_delivery (processor, position) WHERE {UNFINISHED}",
        f"CREATE INDEX delivery_due_slot ON flowdeck_delivery (processor, slot) WHERE {UNFINISHED}",
        f"CREATE INDEX delivery_held ON flowdeck_delivery (processor, key) WHERE {HOLDING}",
        "CREATE INDEX delivery_dead ON flowdeck_delivery (id) WHERE state = 'dead'",
    ],
}
NO_INDEXES = {
    vendor: [
        f"DROP INDEX {statement.split()[2]}"
        for statement in statements
        if statement.startswith("CREATE INDEX")
    ]
    for vendor, statements in INDEXES.items()
}

APPEND_ONLY = {
    "postgresql": [
        f"""
        CREATE FUNCTION flowdeck_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';
        END $$
        """,
        "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON flowdeck_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_change()",
    ],
    "sqlite": [
        f"CREATE TRIGGER event_no_{verb} BEFORE {verb} ON flowdeck_event "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for verb in ("update", "delete")
    ],
}
NOT_APPEND_ONLY = {
    "postgresql": [
        "DROP TRIGGER event_append_only ON flowdeck_event",
        "DROP FUNCTION flowdeck_refuse_change",
    ],
    "sqlite": ["DROP TRIGGER event_no_update", "DROP TRIGGER event_no_delete"],
}


class Migration(migrations.Migration):
    """Rules and indexes."""

    dependencies = [("flowdeck", "0001_initial")]
    operations = [
        PerDatabase(INDEXES, NO_INDEXES),
        PerDatabase(APPEND_ONLY, NOT_APPEND_ONLY),
    ]
