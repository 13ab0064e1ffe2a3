from django.db import migrations, models

from flowdeck.sql.install import Install


class Migration(migrations.Migration):
    """A lane goes on with what its last claim was for, until one has ended well."""

    dependencies = [("flowdeck", "0024_process_over")]

    operations = [
        migrations.AddField(
            model_name="lane", name="tried", field=models.BigIntegerField(null=True)
        ),
        Install("claim_grouped"),
    ]
