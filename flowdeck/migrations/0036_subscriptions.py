from django.db import migrations, models

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0035_foreign_spans"),
    ]

    operations = [
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "type",
                        "processor",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("type", models.CharField(max_length=200)),
                ("processor", models.CharField(max_length=64)),
                ("streams", models.CharField(max_length=200)),
                ("grouped_by", models.CharField(max_length=200)),
                ("gathered", models.FloatField(null=True)),
                ("since", models.BigIntegerField(null=True)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        Install("append"),
    ]
