from django.db import migrations

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0032_limits_changed"),
    ]

    operations = [
        Install("append", "gathered"),
    ]
