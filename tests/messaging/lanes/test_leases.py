"""Connections of a provider that are lent to senders."""

from datetime import timedelta

from accounts.models import Heartbeat
from messaging.sending.allowance import LEASE, living


class TestLease:
    def test_outlasts_a_slow_server_while_its_sender_lives(self, inside_acme, now):
        until = (now + LEASE).isoformat()
        leases = {f"sender {name} bulk": [3, until] for name in ("slow", "dead", "gone")}
        later = now + LEASE + timedelta(seconds=1)
        Heartbeat.objects.create(part="sender slow", beat_at=later - timedelta(seconds=10))
        Heartbeat.objects.create(part="sender dead", beat_at=now)

        assert set(living(leases, later)) == {"sender slow bulk"}
        assert set(living(leases, now)) == set(leases)
