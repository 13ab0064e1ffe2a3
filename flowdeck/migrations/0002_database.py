"""What the ORM can't say: functions, triggers and indexes, from the files of ``flowdeck/sql``."""

from django.db import migrations

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    """Install them all."""

    dependencies = [("flowdeck", "0001_initial")]
    operations = [
        Install(
            "indexes",
            "append_only",
            "append",
            "claimable",
            "claim",
            "pick",
            "take",
            "due_processors",
        )
    ]
