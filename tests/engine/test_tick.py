"""A tick moves everybody as far as they go."""

from datetime import timedelta

from conductor.conversations.models import Enrollment
from tests.engine.world import World, check_conservation

WINBACK = """
    {key: lapsed, filter: {not: {purchase: {within: P60D}}}}
    {key: text, mobile_message: {short_code: "54321", phone_list: Transactional, text: Hi, phone_field: Profile.Mobile}}
    {key: pause, wait: {for: P3D}}
    {key: reminder, message: {saved_message: We miss you}}
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
