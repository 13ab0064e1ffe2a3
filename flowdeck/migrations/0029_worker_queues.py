"""Workers say which queues they hear, and those are known too that hear no bells.

Alert rules may be about an event that has not followed another.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("flowdeck", "0028_connector_since")]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="queues",
            field=models.CharField(db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="worker",
            name="hears",
            field=models.BooleanField(db_default=True),
        ),
        *(
            migrations.AddField(
                model_name="alertrule",
                name=name,
                field=models.CharField(blank=True, db_default="", max_length=100),
            )
            for name in ("first_type", "then_type")
        ),
        migrations.AddField(
            model_name="alertrule",
            name="minutes",
            field=models.PositiveIntegerField(db_default=0),
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
                    ("missing", "traces in which an event has not followed"),
                ],
                max_length=8,
            ),
        ),
    ]
