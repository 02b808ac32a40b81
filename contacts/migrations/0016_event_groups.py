import accounts.tenancy.account
import accounts.tenancy.models
import django.db.models.deletion
from django.db import migrations, models

from accounts.tenancy.operations import SecureReference, SecureTable


class Migration(migrations.Migration):
    """Drawers for external events."""

    dependencies = [
        ('accounts', '0005_api_calls'),
        ('contacts', '0015_kinds_of_import'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('account', models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
                ('list', accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='event_groups', to='accounts.list')),
            ],
        ),
        migrations.AddField(
            model_name='externalevent',
            name='group',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to='contacts.eventgroup'),
        ),
        migrations.AddConstraint(
            model_name='eventgroup',
            constraint=models.UniqueConstraint(models.F('account'), models.F('list'), models.F('name'), name='event_group_name_once'),
        ),
        SecureTable("EventGroup", unindexed=["list"]),
        SecureReference("ExternalEvent", "group"),
    ]
