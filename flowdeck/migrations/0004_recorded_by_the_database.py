"""Events are recorded with the time of the database."""

from django.db import migrations

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    """The function that appends, anew."""

    dependencies = [("flowdeck", "0003_lane_last_exception")]
    operations = [Install("append")]
