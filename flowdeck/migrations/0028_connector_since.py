from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("flowdeck", "0027_imported_range")]

    operations = [
        migrations.AddField(
            model_name="connector", name="since", field=models.BigIntegerField(default=0)
        )
    ]
