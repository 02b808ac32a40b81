from django.db import migrations


class Migration(migrations.Migration):
    """
    Room to update in place, and early vacuums, for the tables that turn over.

    A claim walks along the earliest entries of an index; those of rows moved on are dead
    weight until a vacuum, which by default waits for a fifth of the table.
    """

    dependencies = [
        ("conversations", "0004_due"),
        ("contacts", "0004_statistics"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE conversations_enrollment SET (fillfactor = 85, "
            "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)",
            "ALTER TABLE conversations_enrollment RESET (fillfactor, "
            "autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE contacts_intake SET (autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 5000)",
            "ALTER TABLE contacts_intake RESET (autovacuum_vacuum_scale_factor, "
            "autovacuum_vacuum_threshold)",
        ),
    ]
