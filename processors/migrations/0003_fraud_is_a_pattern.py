from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("processors", "0002_mediator_is_a_process"),
    ]

    operations = [
        migrations.DeleteModel(name="FraudWatch"),
    ]
