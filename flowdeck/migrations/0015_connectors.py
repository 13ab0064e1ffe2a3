from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0014_releases"),
    ]

    operations = [
        migrations.CreateModel(
            name="Connector",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
                ("token", models.UUIDField(null=True)),
                ("lease_expires_at", models.DateTimeField(null=True)),
                ("worker", models.CharField(default="", max_length=100)),
                ("paused_at", models.DateTimeField(null=True)),
                ("paused_by", models.CharField(default="", max_length=320)),
                ("pause_reason", models.CharField(default="", max_length=300)),
                ("error", models.CharField(default="", max_length=500)),
                ("last_error", models.CharField(default="", max_length=500)),
                ("failed_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("moved", models.BigIntegerField(default=0)),
                ("moved_at", models.DateTimeField(null=True)),
                ("per_second", models.FloatField(default=0)),
                ("waiting", models.BigIntegerField(default=0)),
                ("waiting_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="apitoken",
            name="types",
            field=models.TextField(db_default=""),
        ),
        migrations.AlterField(
            model_name="apitoken",
            name="scope",
            field=models.CharField(
                choices=[
                    ("full", "all that I may do"),
                    ("read", "look only"),
                    ("send", "publish events only"),
                ],
                default="full",
                max_length=4,
            ),
        ),
        migrations.CreateModel(
            name="InletOffset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("inlet", models.CharField(max_length=64)),
                ("part", models.CharField(max_length=64)),
                ("offset", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("inlet", "part"), name="flowdeck_inlet_part")
                ],
            },
        ),
    ]
