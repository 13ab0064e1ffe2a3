"""Dead letters by group, bulk actions, and the audit, which is append-only as the log is."""

from importlib import import_module

import django.utils.timezone
from django.db import migrations, models

PerDatabase = import_module("flowdeck.migrations.0002_database_rules").PerDatabase
REFUSAL = "the audit is immutable"
APPEND_ONLY = {
    "postgresql": [
        f"""
        CREATE FUNCTION flowdeck_refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';
        END $$
        """,
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON flowdeck_auditentry "
        "FOR EACH STATEMENT EXECUTE FUNCTION flowdeck_refuse_audit_change()",
    ],
    "sqlite": [
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON flowdeck_auditentry "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for verb in ("update", "delete")
    ],
}
NOT_APPEND_ONLY = {
    "postgresql": [
        "DROP TRIGGER audit_append_only ON flowdeck_auditentry",
        "DROP FUNCTION flowdeck_refuse_audit_change",
    ],
    "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
}


class Migration(migrations.Migration):
    """Tables, columns and the rule."""

    dependencies = [
        ("flowdeck", "0002_database_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("who", models.CharField(max_length=150)),
                ("action", models.CharField(max_length=40)),
                ("target", models.CharField(default="", max_length=300)),
                ("count", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(default="", max_length=300)),
                ("allowed", models.BooleanField(default=True)),
            ],
            options={
                "verbose_name_plural": "audit entries",
            },
        ),
        migrations.CreateModel(
            name="BulkAction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[("retry", "Retry"), ("discard", "Discard")], max_length=7
                    ),
                ),
                ("criteria", models.JSONField(default=dict)),
                ("newest", models.BigIntegerField()),
                ("cursor", models.BigIntegerField(default=0)),
                ("total", models.PositiveIntegerField()),
                ("asked", models.PositiveIntegerField(default=0)),
                ("steps", models.JSONField(default=list)),
                ("waiting", models.JSONField(default=list)),
                ("per_second", models.PositiveIntegerField(null=True)),
                ("by", models.CharField(max_length=150)),
                ("reason", models.CharField(default="", max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("finished", "Finished"),
                            ("cancelled", "Cancelled"),
                            ("stopped", "Stopped"),
                        ],
                        default="running",
                        max_length=9,
                    ),
                ),
                ("note", models.CharField(default="", max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("begins_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DeadLetterGroup",
            fields=[
                ("fingerprint", models.CharField(max_length=32, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("on hold", "On Hold"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("by", models.CharField(default="", max_length=150)),
                ("note", models.CharField(default="", max_length=300)),
                ("until", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.AddField(
            model_name="delivery",
            name="fingerprint",
            field=models.CharField(db_default="", max_length=32),
        ),
        migrations.AddField(
            model_name="delivery",
            name="retried",
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["fingerprint", "processor", "id", "finished_at", "retried"],
                name="delivery_dead_group",
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["who", "id"], name="audit_who"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["target", "id"], name="audit_target"),
        ),
        migrations.AddIndex(
            model_name="bulkaction",
            index=models.Index(
                condition=models.Q(("state", "running")), fields=["id"], name="bulk_action_running"
            ),
        ),
        PerDatabase(APPEND_ONLY, NOT_APPEND_ONLY),
    ]
