"""Which deliveries each action in the audit changed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0015_no_truncate"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditedDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="audited",
                        to="flowdeck.delivery",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="flowdeck.auditentry",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audited deliveries",
                "indexes": [models.Index(fields=["delivery", "entry"], name="audited_delivery")],
            },
        ),
        migrations.AddField(
            model_name="bulkaction",
            name="entry",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="flowdeck.auditentry",
            ),
        ),
    ]
