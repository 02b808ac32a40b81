from django.db import migrations

# What turns over beside enrollments and the intake, and after which part of it is vacuumed.
EARLY = {"conversations_call": 0.02, "contacts_segmenttouch": 0, "messaging_delivery": 0.05}


class Migration(migrations.Migration):
    """Early vacuums for the other queues: what was taken from them is dead weight for a claim."""

    dependencies = [
        ("conversations", "0024_goals"),
        ("contacts", "0005_segments"),
        ("messaging", "0006_narrow"),
    ]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = {part}, "
            "autovacuum_vacuum_threshold = 5000)",
            f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, "
            "autovacuum_vacuum_threshold)",
        )
        for table, part in EARLY.items()
    ]
