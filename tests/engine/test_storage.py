"""Hot tables have room to update in place, and are vacuumed before a fifth of them is dead."""

import pytest

from accounts.tenancy import sql

OPTIONS = """
    SELECT coalesce(options.reloptions, '{}')
    FROM pg_class AS options
    WHERE options.oid = to_regclass(%(table)s)
"""


def options_of(table: str) -> dict[str, float]:
    """Return a table's storage options."""
    written = sql.fetch_value(OPTIONS, table=table)
    return {name: float(value) for name, _, value in (one.partition("=") for one in written)}


@pytest.mark.usefixtures("world")
class TestHotTables:
    def test_leave_room_for_the_next_version_of_an_enrollment(self) -> None:
        assert options_of("conversations_enrollment")["fillfactor"] < 100

    @pytest.mark.parametrize(
        "table",
        [
            "conversations_enrollment",
            "conversations_call",
            "contacts_intake",
            "contacts_segmenttouch",
            "messaging_delivery",
        ],
    )
    def test_are_vacuumed_early(self, table: str) -> None:
        assert options_of(table)["autovacuum_vacuum_scale_factor"] <= 0.05
