from django.db import migrations, models


class Migration(migrations.Migration):
    """Processes that can ring no bell tell the database."""

    dependencies = [("flowdeck", "0025_lane_tried")]

    operations = [
        migrations.CreateModel(
            name="SilentBell",
            fields=[
                (
                    "name",
                    models.CharField(max_length=100, primary_key=True, serialize=False),
                ),
                ("since", models.DateTimeField()),
                ("tried_at", models.DateTimeField()),
            ],
        ),
    ]
