from django.db import migrations, models


class Migration(migrations.Migration):
    """Where in the log the events of an import lie."""

    dependencies = [("flowdeck", "0026_silent_bell")]

    operations = [
        migrations.CreateModel(
            name="ImportedRange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_position", models.BigIntegerField()),
                ("last_position", models.BigIntegerField()),
            ],
            options={"verbose_name_plural": "imported ranges"},
        ),
    ]
