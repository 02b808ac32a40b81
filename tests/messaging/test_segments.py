"""Segments of text messages."""

import pytest

from messaging.segments import count_segments


class TestCountSegments:
    @pytest.mark.parametrize(
        ("text", "encoding", "units", "count"),
        [
            ("", "GSM-7", 0, 0),
            ("x" * 160, "GSM-7", 160, 1),
            ("x" * 161, "GSM-7", 161, 2),
            ("x" * 306, "GSM-7", 306, 2),
            ("x" * 307, "GSM-7", 307, 3),
            ("€" * 80, "GSM-7", 160, 1),
            ("x" * 152 + "€" + "x" * 152, "GSM-7", 306, 3),  # the euro is not torn in two
            ("é", "GSM-7", 1, 1),
            ("ê", "UCS-2", 1, 1),
            ("ё" * 70, "UCS-2", 70, 1),
            ("ё" * 71, "UCS-2", 71, 2),
            ("👟" * 35, "UCS-2", 70, 1),
            ("👟" * 36, "UCS-2", 72, 2),
            ("👟" * 67, "UCS-2", 134, 3),  # 33 whole ones fit into 67 units
        ],
    )
    def test_counts_what_carriers_bill(self, text, encoding, units, count):
        counted = count_segments(text)

        assert (counted.encoding, counted.units, counted.count) == (encoding, units, count)
