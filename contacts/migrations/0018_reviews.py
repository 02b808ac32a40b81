import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Reviews of products, and how they are rated as a whole."""

    dependencies = [
        ('accounts', '0008_ip_pools'),
        ('contacts', '0017_jobs'),
    ]

    operations = [
        migrations.CreateModel(
            name='RatingSummary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(blank=True, default='', max_length=50)),
                ('provider_product_id', models.CharField(blank=True, default='', max_length=100)),
                ('summary_id', models.CharField(max_length=100)),
                ('kind', models.CharField(blank=True, default='', max_length=100)),
                ('display_kind', models.CharField(blank=True, default='', max_length=50)),
                ('rating', models.DecimalField(decimal_places=4, max_digits=14)),
                ('least', models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True)),
                ('most', models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True)),
                ('number', models.IntegerField(blank=True, null=True)),
                ('updated_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('provider'), models.F('provider_product_id'), models.F('summary_id'), name='rating_summary_once')],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=50)),
                ('provider_review_id', models.CharField(max_length=100)),
                ('provider_product_id', models.CharField(max_length=100)),
                ('title', models.CharField(max_length=500)),
                ('text', models.TextField(blank=True, default='')),
                ('featured', models.BooleanField(default=False)),
                ('recommended', models.BooleanField(default=False)),
                ('reviewer_name', models.CharField(blank=True, default='', max_length=500)),
                ('reviewer_email', models.CharField(blank=True, default='', max_length=100)),
                ('reviewer_location', models.CharField(blank=True, default='', max_length=500)),
                ('feedback_count', models.IntegerField(blank=True, null=True)),
                ('feedback_positive_count', models.IntegerField(blank=True, null=True)),
                ('feedback_negative_count', models.IntegerField(blank=True, null=True)),
                ('ratings', models.JSONField(default=list)),
                ('submitted_at', models.DateTimeField(blank=True, null=True)),
                ('reviewed_at', models.DateTimeField(blank=True, null=True)),
                ('updated_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.account')),
            ],
            options={
                'indexes': [models.Index(fields=['account', 'provider', 'provider_product_id'], name='review_by_product')],
                'constraints': [models.UniqueConstraint(models.F('account'), models.F('provider'), models.F('provider_review_id'), name='review_once')],
            },
        ),
        SecureTable("Review"),
        SecureTable("RatingSummary"),
    ]
