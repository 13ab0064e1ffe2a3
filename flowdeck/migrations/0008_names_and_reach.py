"""Names of users as long as e-mail addresses; workers tell whether they reach Redis."""

from typing import Any

from django.db import migrations, models

_NAMES = {
    "archive": [("by", {})],
    "auditentry": [("who", {})],
    "bulkaction": [("by", {})],
    "deadlettergroup": [("by", {"default": ""}), ("retried_by", {"default": ""})],
    "processorstate": [("paused_by", {"default": ""})],
    "replayrun": [("by", {}), ("cancelled_by", {"default": ""})],
}


class Widen(migrations.AlterField):
    """A longer text. SQLite keeps no lengths, and making its table anew would lose its triggers."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Change the column where columns have a length."""
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        """Likewise."""
        self.database_forwards(app_label, schema_editor, *states)


class Migration(migrations.Migration):
    """Add the sign, and widen each name."""

    dependencies = [("flowdeck", "0007_bulk_action_paced")]
    operations = [
        migrations.AddField("worker", "cut_off_since", models.DateTimeField(null=True)),
        *(
            Widen(model, name, models.CharField(max_length=320, **more))
            for model, names in _NAMES.items()
            for name, more in names
        ),
    ]
