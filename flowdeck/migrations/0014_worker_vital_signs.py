"""How workers do: what they get done per second and the memory they hold."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0013_archives"),
    ]

    operations = [
        migrations.AddField(
            model_name="worker",
            name="memory",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="worker",
            name="per_second",
            field=models.FloatField(null=True),
        ),
    ]
