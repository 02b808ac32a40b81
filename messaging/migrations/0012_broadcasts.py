import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import accounts.tenancy.account
import accounts.tenancy.models
import messaging.models.broadcast
from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureReference, SecureTable


class Migration(migrations.Migration):
    """Broadcasts and what they are filed under; the content library; tickets of help desks."""

    dependencies = [
        ('accounts', '0008_ip_pools'),
        ('contacts', '0018_reviews'),
        ('messaging', '0011_codes_to_give'),
    ]

    operations = [
        migrations.CreateModel(
            name='Broadcast',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'Email'), ('sms', 'SMS')], default='email', max_length=10)),
                ('kind', models.CharField(choices=[('List', 'To an audience'), ('Test', 'A test'), ('Review', 'A copy to review'), ('Transactional', 'One by one, as the shop asks')], default='List', max_length=20)),
                ('status', models.CharField(choices=[('ToBeSent', 'Waiting for its time'), ('Sending', 'Being written to its audience'), ('Sent', 'Written to its whole audience'), ('NotReady', 'Something that it asks for is gone'), ('Canceled', 'Canceled before its time')], default='ToBeSent', max_length=20)),
                ('name', models.CharField(blank=True, default='', max_length=120)),
                ('external_campaign_id', models.CharField(blank=True, default='', max_length=120)),
                ('options', models.JSONField(default=dict)),
                ('rule', models.JSONField(blank=True, null=True)),
                ('included', models.JSONField(default=messaging.models.broadcast.no_names)),
                ('excluded', models.JSONField(default=messaging.models.broadcast.no_names)),
                ('counts', models.JSONField(default=dict)),
                ('group_name', models.CharField(blank=True, default='', max_length=120)),
                ('share_from', models.SmallIntegerField(default=0)),
                ('share_to', models.SmallIntegerField(default=100)),
                ('position', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('send_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Content',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('DynamicContent', 'Dynamic content'), ('SavedContent', 'Saved content')], default='SavedContent', max_length=20)),
                ('html', models.TextField(blank=True, default='')),
                ('text', models.TextField(blank=True, default='')),
                ('modified_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ContentFolder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
            ],
        ),
        migrations.CreateModel(
            name='SplitTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(default='Subject', max_length=20)),
                ('criteria', models.CharField(default='Percentage', max_length=20)),
                ('metric', models.CharField(default='Opens', max_length=20)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('integration', models.CharField(max_length=20)),
                ('external_id', models.CharField(max_length=200)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='broadcast_id',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='savedmessage',
            name='external_campaign_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('broadcast_id__isnull', False)), fields=('account', 'broadcast_id', 'subscription_id'), name='delivery_once_per_broadcast'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='list',
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='broadcasts', to='accounts.list'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='message',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='messaging.committedmessage'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='phone_list',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='broadcasts', to='messaging.phonelist'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='saved_message',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='broadcasts', to='messaging.savedmessage'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='segment',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='broadcasts', to='contacts.segment'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='sms_message',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='broadcasts', to='messaging.smsmessage'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='list',
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='campaigns', to='accounts.list'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='campaign',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='broadcasts', to='messaging.campaign'),
        ),
        migrations.AddField(
            model_name='savedmessage',
            name='campaign',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='saved_messages', to='messaging.campaign'),
        ),
        migrations.AddField(
            model_name='content',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='contentfolder',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='contentfolder',
            name='list',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='content_folders', to='accounts.list'),
        ),
        migrations.AddField(
            model_name='contentfolder',
            name='parent',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='folders', to='messaging.contentfolder'),
        ),
        migrations.AddField(
            model_name='content',
            name='folder',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='contents', to='messaging.contentfolder'),
        ),
        migrations.AddField(
            model_name='splittest',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='splittest',
            name='list',
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='split_tests', to='accounts.list'),
        ),
        migrations.AddField(
            model_name='broadcast',
            name='split_test',
            field=accounts.tenancy.models.TenantForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='broadcasts', to='messaging.splittest'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='account',
            field=models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='phone_subscription',
            field=accounts.tenancy.models.TenantForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tickets', to='messaging.phonesubscription'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.UniqueConstraint(models.F('account'), models.F('list'), django.db.models.functions.text.Lower('name'), name='campaign_name_once_per_list'),
        ),
        migrations.AddConstraint(
            model_name='contentfolder',
            constraint=models.UniqueConstraint(fields=('account', 'parent', 'name'), name='content_folder_name_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='content',
            constraint=models.UniqueConstraint(models.F('account'), django.db.models.functions.text.Lower('name'), name='content_name_once'),
        ),
        migrations.AddIndex(
            model_name='broadcast',
            index=models.Index(condition=models.Q(('status__in', ['ToBeSent', 'Sending'])), fields=['account', 'send_at'], name='broadcast_to_send'),
        ),
        migrations.AddIndex(
            model_name='broadcast',
            index=models.Index(fields=['account', 'list', 'id'], name='broadcast_by_list'),
        ),
        migrations.AddConstraint(
            model_name='broadcast',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'Transactional'), ('saved_message__isnull', False)), fields=('account', 'saved_message'), name='broadcast_of_saved_message_once'),
        ),
        migrations.AddConstraint(
            model_name='broadcast',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'Transactional'), ('sms_message__isnull', False)), fields=('account', 'sms_message'), name='broadcast_of_sms_message_once'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('account', 'phone_subscription', 'integration'), name='ticket_open_once'),
        ),
        SecureTable("Campaign", unindexed=["list"]),
        SecureTable("ContentFolder", unindexed=["parent"]),
        SecureTable("Content"),
        SecureTable("SplitTest"),
        SecureTable("Broadcast", unindexed=["list", "saved_message", "sms_message"]),
        SecureTable("Ticket", unindexed=["phone_subscription"]),
        SecureReference("SavedMessage", "campaign"),
        *lookup_function(
            "lookup_broadcast_accounts(now_at timestamptz)",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT DISTINCT account_id FROM messaging_broadcast "
                "WHERE status IN ('ToBeSent', 'Sending') AND send_at <= now_at "
                "AND kind <> 'Transactional'"
            ),
            reads={"messaging_broadcast": ["account_id", "status", "kind", "send_at"]},
        ),
    ]
