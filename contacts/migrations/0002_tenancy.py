from django.db import migrations

from accounts.tenancy.lookups import lookup_function
from accounts.tenancy.operations import SecureTable


class Migration(migrations.Migration):
    """Tenancy of people and what happened to them."""

    dependencies = [("contacts", "0001_initial")]

    operations = [
        SecureTable("Contact"),
        SecureTable("ProfileFieldGroup"),
        SecureTable("ProfileField"),
        SecureTable("Subscription"),
        SecureTable("Order"),
        SecureTable("OrderItem"),
        SecureTable("Product"),
        SecureTable("ExternalEvent"),
        SecureTable("Event", append_only=True),
        SecureTable("Listener"),
        SecureTable("Intake"),
        SecureTable("Import"),
        SecureTable("ImportReject"),
        *lookup_function(
            "lookup_import_accounts()",
            returns="TABLE (account_id bigint)",
            body=(
                "SELECT DISTINCT account_id FROM contacts_import "
                "WHERE status IN ('DataReadyForProcessing', 'ProcessingData')"
            ),
            reads={"contacts_import": ["account_id", "id", "status"]},
        ),
    ]
