import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account

ONE_KEY_FOR_TWO = """
ALTER TABLE conversations_version
    ADD CONSTRAINT version_in_conversation_key UNIQUE (account_id, conversation_id, id);
ALTER TABLE conversations_enrollment
    DROP CONSTRAINT conversations_enrollment_conversation_id_in_account,
    DROP CONSTRAINT conversations_enrollment_version_id_in_account,
    ADD CONSTRAINT conversations_enrollment_version_in_conversation
        FOREIGN KEY (account_id, conversation_id, version_id)
        REFERENCES conversations_version (account_id, conversation_id, id)
        ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED;
"""
TWO_KEYS_FOR_ONE = """
ALTER TABLE conversations_enrollment
    DROP CONSTRAINT conversations_enrollment_version_in_conversation,
    ADD CONSTRAINT conversations_enrollment_conversation_id_in_account
        FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations_conversation (account_id, id)
        ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT conversations_enrollment_version_id_in_account
        FOREIGN KEY (account_id, version_id)
        REFERENCES conversations_version (account_id, id)
        ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE conversations_version DROP CONSTRAINT version_in_conversation_key;
"""
ONE_INDEX_FOR_TWO = """
ALTER TABLE conversations_enrollment
    DROP CONSTRAINT conversations_enrollment_pkey,
    DROP CONSTRAINT conversations_enrollment_account_key,
    ADD CONSTRAINT conversations_enrollment_pkey PRIMARY KEY (account_id, id);
"""
TWO_INDEXES_FOR_ONE = """
ALTER TABLE conversations_enrollment
    DROP CONSTRAINT conversations_enrollment_pkey,
    ADD CONSTRAINT conversations_enrollment_pkey PRIMARY KEY (id),
    ADD CONSTRAINT conversations_enrollment_account_key UNIQUE (account_id, id);
"""


class Migration(migrations.Migration):
    """
    Fewer checks and indexes where the engine writes most.

    One composite key proves an enrollment's version, conversation and account together.
    The primary key carries the account, as every statement under the policy names it.
    Nobody looks for a visit by its id.
    """

    dependencies = [("conversations", "0007_notices")]

    operations = [
        migrations.AlterField(
            model_name="enrollment",
            name="account",
            field=models.ForeignKey(db_constraint=False, db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.RunSQL(ONE_KEY_FOR_TWO, TWO_KEYS_FOR_ONE),
        migrations.RunSQL(ONE_INDEX_FOR_TWO, TWO_INDEXES_FOR_ONE),
        migrations.RunSQL(
            "ALTER TABLE conversations_visit DROP CONSTRAINT conversations_visit_pkey",
            "ALTER TABLE conversations_visit ADD CONSTRAINT conversations_visit_pkey "
            "PRIMARY KEY (id, left_at)",
        ),
    ]
