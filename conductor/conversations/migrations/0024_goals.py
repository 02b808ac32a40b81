from django.db import migrations

from accounts.tenancy.operations import EachAccount

# Done again after a way back, it counts anew.
COUNT = """
DELETE FROM conversations_flow AS flow WHERE flow.step_key = '' AND flow.exit = 'goal';
INSERT INTO conversations_flow (conversation_id, version_id, step_key, exit, visits)
SELECT enrollment.conversation_id, enrollment.version_id, '', 'goal', count(*)
FROM conversations_enrollment AS enrollment
WHERE enrollment.ended_at IS NOT NULL AND enrollment.end_reason = 'goal'
GROUP BY enrollment.conversation_id, enrollment.version_id
"""


def count_goals(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(COUNT)


class Migration(migrations.Migration):
    """Count who has reached a goal among the exits, at no step."""

    dependencies = [("conversations", "0023_due_by_queue")]

    operations = [EachAccount(count_goals)]
