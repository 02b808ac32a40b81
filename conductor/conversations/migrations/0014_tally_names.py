from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0013_calling")]

    operations = [
        migrations.AlterField(
            model_name="tally", name="name", field=models.CharField(max_length=120)
        ),
    ]
