"""What is published again and again, by a calendar."""

from django.db import migrations, models

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0016_timers"),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("name", models.CharField(max_length=50, primary_key=True, serialize=False)),
                ("expression", models.CharField(max_length=200)),
                ("zone", models.CharField(max_length=64)),
                ("last_nominal", models.DateTimeField()),
                ("paused_at", models.DateTimeField(null=True)),
                ("paused_by", models.CharField(default="", max_length=320)),
                ("reason", models.CharField(default="", max_length=300)),
                ("error", models.CharField(default="", max_length=500)),
            ],
        ),
        migrations.AddField(
            model_name="timer",
            name="stale_at",
            field=models.DateTimeField(null=True),
        ),
        Install("timers"),
    ]
