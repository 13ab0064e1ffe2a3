"""Events that are appended at a time, and the clock that moves them into the log."""

from django.db import migrations, models

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0015_connectors"),
    ]

    operations = [
        migrations.CreateModel(
            name="Clock",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("held_at", models.DateTimeField(null=True)),
                ("held_by", models.CharField(db_default="", default="", max_length=320)),
                ("reason", models.CharField(db_default="", default="", max_length=300)),
                ("ticked_at", models.DateTimeField(null=True)),
                ("leapt_at", models.DateTimeField(null=True)),
                ("leapt_by", models.FloatField(null=True)),
                ("walked_at", models.DateTimeField(null=True)),
                ("behind", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="flowdeck_clock_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="Timer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("scope", models.CharField(max_length=200)),
                ("name", models.CharField(max_length=100)),
                ("due_at", models.DateTimeField()),
                ("event_id", models.UUIDField()),
                ("stream", models.CharField(max_length=200)),
                ("type", models.CharField(max_length=100)),
                ("version", models.PositiveSmallIntegerField()),
                ("data", models.JSONField()),
                ("metadata", models.JSONField(default=dict)),
                ("key", models.CharField(max_length=200)),
                ("slot", models.PositiveSmallIntegerField()),
                ("correlation_id", models.UUIDField()),
                ("causation_id", models.UUIDField(null=True)),
                ("producer", models.CharField(max_length=64)),
                ("set_at", models.DateTimeField()),
                ("replaced", models.PositiveIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "ended_as",
                    models.CharField(
                        choices=[("cancelled", "Cancelled"), ("refused", "Refused")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("ended_by", models.CharField(default="", max_length=320)),
                ("error", models.CharField(default="", max_length=500)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["due_at", "id"],
                        name="flowdeck_timer_due",
                    ),
                    models.Index(fields=["correlation_id"], name="flowdeck_timer_trace"),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", False)),
                        fields=["ended_at"],
                        name="flowdeck_timer_ended",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("scope", "name"),
                        name="flowdeck_timer_name",
                    )
                ],
            },
        ),
        migrations.AlterField(
            model_name="alertrule",
            name="kind",
            field=models.CharField(
                choices=[
                    ("dead", "dead letters there are"),
                    ("growth", "letters a minute that one group grows by"),
                    ("waiting", "seconds that the oldest delivery waits"),
                    ("paused", "minutes that a processor is paused"),
                    ("round", "dead letters of traces that go round"),
                    ("snapshot", "minutes that a transaction is open"),
                    ("lag", "seconds that figures are behind"),
                    ("full", "percent of the database's space that is used"),
                    ("floor", "lanes whose floor was wrong in the last hour"),
                    ("timers", "timers a minute late or refused"),
                ],
                max_length=8,
            ),
        ),
        Install("timers"),
    ]
