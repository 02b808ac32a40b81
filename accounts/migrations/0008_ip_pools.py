import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Pools of addresses from which an account sends."""

    dependencies = [
        ('accounts', '0007_reply_to'),
    ]

    operations = [
        migrations.CreateModel(
            name='IpPool',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('description', models.CharField(max_length=120)),
                ('account', models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('description'), name='ip_pool_once')],
            },
        ),
        SecureTable("IpPool"),
    ]
