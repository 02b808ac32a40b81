import django.db.models.deletion
from django.db import migrations, models

import accounts.tenancy.account

# The sandbox's and the receipts' references want the key that is renewed here.
REFERRING = ("messaging_sandboxmessage", "messaging_receipt")
RELEASE = "\n".join(
    f"ALTER TABLE {table} DROP CONSTRAINT {table}_delivery_id_in_account;" for table in REFERRING
)
REFER = "\n".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {table}_delivery_id_in_account "
    "FOREIGN KEY (account_id, delivery_id) REFERENCES messaging_delivery (account_id, id) "
    "ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED;"
    for table in REFERRING
)
ONE_INDEX_FOR_TWO = f"""
{RELEASE}
ALTER TABLE messaging_delivery
    DROP CONSTRAINT messaging_delivery_pkey,
    DROP CONSTRAINT messaging_delivery_account_key,
    ADD CONSTRAINT messaging_delivery_pkey PRIMARY KEY (account_id, id);
{REFER}
"""
TWO_INDEXES_FOR_ONE = f"""
{RELEASE}
ALTER TABLE messaging_delivery
    DROP CONSTRAINT messaging_delivery_pkey,
    ADD CONSTRAINT messaging_delivery_pkey PRIMARY KEY (id),
    ADD CONSTRAINT messaging_delivery_account_key UNIQUE (account_id, id);
{REFER}
"""
ONE_KEY_FOR_TWO = """
ALTER TABLE messaging_committedmessage
    ADD CONSTRAINT committed_message_in_list_key UNIQUE (account_id, list_id, id);
ALTER TABLE messaging_delivery
    DROP CONSTRAINT messaging_delivery_list_id_in_account,
    DROP CONSTRAINT messaging_delivery_message_id_in_account,
    ADD CONSTRAINT messaging_delivery_message_in_list
        FOREIGN KEY (account_id, list_id, message_id)
        REFERENCES messaging_committedmessage (account_id, list_id, id)
        ON DELETE SET NULL (message_id) DEFERRABLE INITIALLY DEFERRED;
"""
TWO_KEYS_FOR_ONE = """
ALTER TABLE messaging_delivery
    DROP CONSTRAINT messaging_delivery_message_in_list,
    ADD CONSTRAINT messaging_delivery_list_id_in_account
        FOREIGN KEY (account_id, list_id) REFERENCES accounts_list (account_id, id)
        ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT messaging_delivery_message_id_in_account
        FOREIGN KEY (account_id, message_id) REFERENCES messaging_committedmessage (account_id, id)
        ON DELETE SET NULL (message_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE messaging_committedmessage DROP CONSTRAINT committed_message_in_list_key;
"""


class Migration(migrations.Migration):
    """
    Fewer checks and indexes of the outbox.

    One composite key proves a delivery's message and list together, as the message is the
    list's; the account's own row is named by none. The primary key carries the account.
    """

    dependencies = [("messaging", "0005_low_pools")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="account",
            field=models.ForeignKey(db_constraint=False, db_index=False, default=accounts.tenancy.account.current_account_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"),
        ),
        migrations.RunSQL(ONE_INDEX_FOR_TWO, TWO_INDEXES_FOR_ONE),
        migrations.RunSQL(ONE_KEY_FOR_TWO, TWO_KEYS_FOR_ONE),
    ]
