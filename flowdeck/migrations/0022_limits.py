from django.db import migrations, models

from flowdeck.sql.install import Install


def _add_group(apps, schema_editor):
    """To a table that was made before; a new one has it."""
    with schema_editor.connection.cursor() as cursor:
        there = schema_editor.connection.introspection.get_table_description(cursor, "flowdeck_due")
    if "grp" not in {one.name for one in there}:
        schema_editor.execute("ALTER TABLE flowdeck_due ADD COLUMN grp varchar(200)")


class Migration(migrations.Migration):
    """Starts of limited processors are handed out by the database."""

    dependencies = [("flowdeck", "0021_gauges")]

    operations = [
        migrations.CreateModel(
            name="FlowControl",
            fields=[
                (
                    "processor",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("next_at", models.DateTimeField(null=True)),
                ("waits_until", models.DateTimeField(null=True)),
                ("not_before", models.DateTimeField(null=True)),
                ("recent", models.CharField(db_default="", max_length=1_000)),
                ("error", models.CharField(db_default="", max_length=200)),
                ("open_until", models.DateTimeField(null=True)),
                ("rest", models.FloatField(null=True)),
                ("visited", models.CharField(db_default="", max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="FlowGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("processor", models.CharField(max_length=64)),
                ("grp", models.CharField(max_length=200)),
                ("next_at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="flowgroup",
            constraint=models.UniqueConstraint(
                fields=("processor", "grp"), name="flowdeck_flow_of_group"
            ),
        ),
        migrations.AddField(
            model_name="lane", name="grp", field=models.CharField(db_default="", max_length=200)
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="due",
                    name="grp",
                    field=models.CharField(max_length=200, null=True),
                )
            ],
            database_operations=[migrations.RunPython(_add_group, migrations.RunPython.noop)],
        ),
        Install("deliveries", "append", "claim_limited", "claim_grouped", "due_processors"),
    ]
