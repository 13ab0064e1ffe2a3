from django.db import migrations

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    """Work on many keys at once takes the first delivery of each."""

    dependencies = [("flowdeck", "0029_worker_queues")]

    operations = [Install("pick_first")]
