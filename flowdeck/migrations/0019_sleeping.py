from django.db import migrations, models

from flowdeck.sql.install import Install

_BY_STATE = ("waiting", "slot", "held", "retried", "open")  # indexes whose condition names it
_STATES = ("pending", "retrying", "sleeping", "done", "dead", "discarded")


class Migration(migrations.Migration):
    """What its handler has put off is retrying no longer: it sleeps."""

    dependencies = [("flowdeck", "0018_permissions")]

    operations = [
        migrations.AlterField(
            model_name="due",
            name="state",
            field=models.CharField(
                choices=[(name, name.capitalize()) for name in _STATES],
                db_default="pending",
                max_length=10,
            ),
        ),
        *(
            migrations.RunSQL(f"DROP INDEX IF EXISTS flowdeck_due_{name}", migrations.RunSQL.noop)
            for name in _BY_STATE
        ),
        Install("deliveries", "pick", "claimable", "due_processors"),
    ]
