"""A tick moves everybody as far as they go."""

import json
from datetime import timedelta

from accounts.tenancy import sql
from conductor.conversations.models import Enrollment, Visit
from conductor.engine.arrivals import write_deliveries
from messaging.models import Delivery
from tests.engine.world import World, check_conservation

WINBACK = """
    {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
    {key: text, mobile_message: {short_code: "54321", phone_list: Transactional, text: Hi, phone_field: Profile.Mobile}}
    {key: pause, wait: {for: P3D}}
    {key: reminder, message: {saved_message: We miss you}}
"""

# As the tick's tables hold rows where others were updated and deleted: in no order.
ARRIVALS = """
    INSERT INTO arrivals (
        enrollment_id, version_id, subscription_id, contact_id, is_new, wave, step_key,
        visit_number, visit_counts, arrived_at, is_due, exit
    )
    SELECT
        enrollment.id, enrollment.version_id, enrollment.subscription_id, enrollment.contact_id,
        FALSE, passed.wave, passed.step_key, 1, '{}', %(now)s, FALSE, 'next'
    FROM conversations_enrollment AS enrollment
    CROSS JOIN (VALUES (3, 'third'), (1, 'first'), (2, 'second')) AS passed (wave, step_key)
    WHERE enrollment.id = %(id)s
"""
OUTBOX = """
    WITH enrolled_again AS (
        INSERT INTO enrolled
        SELECT
            enrollment.id, enrollment.conversation_id, enrollment.version_id, delivery.list_id,
            enrollment.subscription_id, enrollment.contact_id, enrollment.entry_number,
            'external_event', NULL, NULL, 'Main', '', '{}', 0, enrollment.entered_at, FALSE
        FROM messaging_delivery AS delivery
        INNER JOIN conversations_enrollment AS enrollment ON enrollment.id = delivery.enrollment_id
    )

    INSERT INTO outbox (
        enrollment_id, version_id, contact_id, channel, message_id, address, thread, step_key,
        visit_number, wave, is_transactional, resend_unknown
    )
    SELECT
        delivery.enrollment_id, delivery.version_id, delivery.contact_id, 'email',
        delivery.message_id, delivery.address, 'Main', passed.step_key, 1, passed.wave, FALSE, FALSE
    FROM messaging_delivery AS delivery
    CROSS JOIN (VALUES (3, 'third'), (1, 'first'), (2, 'second')) AS passed (wave, step_key)
"""


class TestRunTick:
    def test_moves_a_contact_through_the_thread(self, world: World) -> None:
        conversation = world.live(WINBACK)
        grace = world.person(email="grace@mail.example")

        world.happen(grace)
        world.tick()

        assert world.path(grace) == ["start>next", "lapsed>next", "text>next", "pause"]
        assert world.place(grace).due_at == world.now + timedelta(days=3)
        assert world.deliveries() == [("", "skipped", "missing address")]
        assert world.queued() == 0

        world.tick(world.now + timedelta(days=3))

        assert world.path(grace)[-3:] == ["reminder>next", "end>end", "(terminated)"]
        assert world.deliveries()[-1] == ("grace@mail.example", "queued", "")
        check_conservation(conversation.pk)

    def test_does_nothing_a_moment_too_early(self, world: World) -> None:
        world.live(WINBACK)
        grace = world.person()
        world.happen(grace)
        world.tick()

        done = world.tick(world.now + timedelta(days=3) - timedelta(microseconds=1))

        assert done.rows == 0
        assert Enrollment.objects.filter(ended_at=None).count() == 1

    def test_numbers_visits_in_the_order_of_the_way(self, world: World) -> None:
        conversation = world.live(WINBACK)
        grace = world.person()
        world.happen(grace)
        world.tick()
        place = world.place(grace)
        sql.execute(ARRIVALS, now=world.now, id=place.pk)

        sql.execute(
            sql.statement("conductor.engine", "insert_visits"),
            now=world.now,
            programs=json.dumps(
                [{"version_id": place.version_id, "conversation_id": conversation.pk}]
            ),
            rehearsals=[],
        )

        visits = Visit.objects.order_by("id").values_list("step_key", flat=True)
        assert list(visits)[-3:] == ["first", "second", "third"]

    def test_numbers_deliveries_in_the_order_of_the_way(self, world: World) -> None:
        world.live("{key: mail, message: {saved_message: We miss you}}")
        grace = world.person(email="grace@mail.example")
        world.happen(grace)
        world.tick()
        sql.execute(OUTBOX)

        write_deliveries(world.now)

        sent = Delivery.objects.order_by("id").values_list("step_key", flat=True)
        assert list(sent) == ["mail", "first", "second", "third"]
