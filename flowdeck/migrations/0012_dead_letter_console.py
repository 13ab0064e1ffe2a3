"""The console: what came back, keys held back, progress; and alert rules. Indexes of the dead only."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0011_one_call_each"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("dead", "dead letters there are"),
                            ("growth", "letters a minute that one group grows by"),
                            ("waiting", "seconds that the oldest delivery waits"),
                            ("paused", "minutes that a processor is paused"),
                        ],
                        max_length=8,
                    ),
                ),
                ("processor", models.CharField(blank=True, default="", max_length=64)),
                ("threshold", models.PositiveIntegerField(default=1)),
                ("hold_seconds", models.PositiveIntegerField(default=0)),
                ("mail_to", models.CharField(blank=True, default="", max_length=300)),
                ("webhook", models.CharField(blank=True, default="", max_length=300)),
                ("muted_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("looked_at", models.DateTimeField(db_index=True, null=True)),
                ("value", models.FloatField(default=0)),
                ("about", models.CharField(default="", max_length=300)),
                ("over_since", models.DateTimeField(null=True)),
                ("firing_since", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_dead_group",
        ),
        migrations.AddField(
            model_name="bulkaction",
            name="graduated",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="deadlettergroup",
            name="retried_at",
            field=models.DateTimeField(db_index=True, null=True),
        ),
        migrations.AddField(
            model_name="deadlettergroup",
            name="retried_by",
            field=models.CharField(default="", max_length=150),
        ),
        migrations.AddField(
            model_name="deadlettergroup",
            name="title",
            field=models.CharField(default="", max_length=300),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["fingerprint", "key", "processor", "id", "finished_at", "retried"],
                name="delivery_dead_group",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["processor", "key", "event", "fingerprint", "finished_at", "retried"],
                name="delivery_dead_key",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["finished_at", "fingerprint", "processor"],
                name="delivery_dead_at",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("retried__gt", 0), ("state__in", ["pending", "retrying"])),
                fields=["fingerprint", "processor", "id"],
                name="delivery_retried",
            ),
        ),
    ]
