"""The player of stories finds what is wrong, whatever part of it."""

from datetime import timedelta

import pytest

from accounts.tenancy import sql
from conductor.conversations.models import Enrollment, Visit
from contacts.models import Subscription
from messaging.models import Delivery
from tests.stories.player import Ground, telling
from tests.stories.story import Story
from tests.stories.test_found import conversation

STORY = Story(
    people={"ann": {"profile": {"Profile.Points": 7}}, "bob": {"lists": {}}},
    conversations=[
        conversation("""
            {key: start, trigger: {external_event: Cart}}
            {key: mail, message: {saved_message: We miss you}}
            {key: act, action: {set_field: {field: Profile.Note, value: hi}}}
            {key: pause, wait: {for: P3D}}
            {key: end, terminate: {}}
        """)
    ],
    acts=[("event", "ann", "Cart"), ("event", "bob", "Cart"), ("clock", "PT1H")],
)
SECOND = timedelta(seconds=1)


class TestPlayer:
    @pytest.mark.parametrize(
        ("fault", "part"),
        [
            ("a visit is lost", "visits"),
            ("a timer is off", "enrollment"),
            ("a message is lost", "deliveries"),
            ("a value is wrong", "standing"),
            ("a refusal is lost", "refusals"),
        ],
    )
    def test_finds(self, ground: Ground, fault: str, part: str) -> None:
        with telling(ground, STORY) as player:
            player.play()
            spoil(fault)

            with pytest.raises(AssertionError, match=f"^{part} of"):
                player.compare()


def spoil(fault: str) -> None:
    """Do one thing wrong."""
    if fault == "a visit is lost":
        sql.execute(
            "DELETE FROM conversations_visit WHERE id = %(id)s",
            id=Visit.objects.values_list("id", flat=True)[0],
        )
    elif fault == "a timer is off":
        place = Enrollment.objects.get()
        assert place.due_at is not None
        Enrollment.objects.filter(pk=place.pk).update(due_at=place.due_at + SECOND)
    elif fault == "a message is lost":
        sql.execute(
            "DELETE FROM messaging_delivery WHERE id = %(id)s", id=Delivery.objects.get().pk
        )
    elif fault == "a value is wrong":
        Subscription.objects.update(profile={})
    else:
        sql.execute("DELETE FROM conversations_refusal")
