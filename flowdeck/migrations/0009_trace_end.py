"""Traces are found by the end of their id, at any size of the log."""

from django.db import migrations

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    """The index of it."""

    dependencies = [("flowdeck", "0008_names_and_reach")]
    operations = [Install("trace_end")]
