"""Values written into many profiles at once."""

import json
from typing import Any

import pytest

from contacts.actions.profiles import write_profiles
from contacts.models import Intake
from tests.engine.world import World

pytestmark = pytest.mark.django_db

ROW = "SELECT %(id)s::bigint, %(values)s::jsonb, 1"


class TestWriteProfiles:
    def test_tells_of_the_values_that_changed_and_no_others(
        self, inside_acme: Any, now: Any
    ) -> None:
        world = World(now)
        world.live(
            "{key: pause, wait: {for: P3D}}", heading="goal: {field: Profile.Points, at_least: 5}"
        )
        grace = world.person(profile={"Points": 3, "Note": "kept", "Mobile": "1"})
        points, note, mobile = (str(world.fields[name].pk) for name in ("Points", "Note", "Mobile"))
        values = json.dumps({points: 4, note: "kept", mobile: None})

        counts = [
            write_profiles(ROW, now=now, method="code", id=grace.pk, values=values) for _ in "12"
        ]

        grace.refresh_from_db()
        assert counts == [1, 0]
        assert grace.profile == {points: 4, note: "kept"}
        (fact,) = Intake.objects.all()
        assert sorted(fact.properties["fields"]) == sorted([points, mobile])
