"""``confirmation`` decides from the order's own stream, and keeps no table any more."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("processors", "0004_fraud_watch")]

    operations = [migrations.DeleteModel("Fulfilment")]
