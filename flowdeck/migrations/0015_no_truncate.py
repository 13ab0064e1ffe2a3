"""PostgreSQL: what may not be deleted may not be truncated either (SQLite knows no TRUNCATE)."""

from importlib import import_module

from django.db import migrations

PerDatabase = import_module("flowdeck.migrations.0002_database_rules").PerDatabase

REFUSED_BY = {
    "flowdeck_event": "flowdeck_refuse_change",
    "flowdeck_archive": "flowdeck_refuse_change",
    "flowdeck_archivedstream": "flowdeck_refuse_change",
    "flowdeck_auditentry": "flowdeck_refuse_audit_change",
}


class Migration(migrations.Migration):
    """The triggers."""

    dependencies = [("flowdeck", "0014_worker_vital_signs")]
    operations = [
        PerDatabase(
            {
                "postgresql": [
                    f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
                    for table, function in REFUSED_BY.items()
                ],
                "sqlite": [],
            },
            {
                "postgresql": [
                    f"DROP TRIGGER {table}_no_truncate ON {table}" for table in REFUSED_BY
                ],
                "sqlite": [],
            },
        )
    ]
