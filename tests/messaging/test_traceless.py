"""What servers say, without whom they are about."""

import pytest

from messaging.actions.provider_events import ProviderEvent, kept_detail
from messaging.providers import Outcome, ProviderError
from messaging.traceless import traceless


class TestTraceless:
    @pytest.mark.parametrize(
        ("said", "left"),
        [
            ("550 5.1.1 <grace@mail.example> unknown", "550 5.1.1 <…> unknown"),
            ("550 grace+a@mail.example: no such user", "550 …: no such user"),
            ('{"to":"grace@mail.example","n":1}', '{"to":"…","n":1}'),
            ("The number +1 (212) 555-0177 is not valid", "The number … is not valid"),
            ("The 'To' number 12125550177 is unknown", "The 'To' number … is unknown"),
            ("421 4.7.0 [TSS04] try in 3600 s", "421 4.7.0 [TSS04] try in 3600 s"),
            ("queued as 4F1a2345678901b", "queued as 4F1a2345678901b"),
        ],
    )
    def test_cuts_addresses_and_numbers_out(self, said, left):
        assert traceless(said) == left

    def test_is_what_is_kept_of_what_providers_tell(self, now):
        event = ProviderEvent(
            "smtp",
            "1",
            "bounced",
            now,
            address="grace@mail.example",
            detail={"reason": "550 <Grace@Mail.example> unknown", "bounce": "hard"},
        )

        assert kept_detail(event) == {"bounce": "hard", "reason": "550 <…> unknown"}

    def test_is_what_outcomes_and_problems_say(self):
        said = "provider rejected (550 <grace@mail.example> unknown)"

        assert Outcome(1, "failed", said).reason == "provider rejected (550 <…> unknown)"
        assert ProviderError(said).message == "provider rejected (550 <…> unknown)"
