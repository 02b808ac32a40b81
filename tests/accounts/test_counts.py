"""Counts that take long are taken seldom."""

from itertools import cycle

from accounts.tenancy import in_account
from accounts.tenancy.counts import QUICK, bounded


class TestBounded:
    def take(self, numbers, seconds):
        """Count a thing as if that took so many seconds."""
        clock = cycle([0.0, seconds])
        return bounded("things", lambda: next(numbers), timer=lambda: next(clock))

    def test_is_taken_anew_while_that_is_quick(self, inside_acme):
        numbers = iter(range(9))

        assert [self.take(numbers, QUICK / 2) for _ in range(3)] == [0, 1, 2]

    def test_is_kept_where_that_takes_long(self, inside_acme):
        numbers = iter(range(9))

        assert [self.take(numbers, 60.0) for _ in range(3)] == [0, 0, 0]

    def test_is_each_accounts_own(self, acme, globex):
        numbers = iter(range(9))

        for expected, account in enumerate([acme, globex]):
            with in_account(account.pk):
                assert self.take(numbers, 60.0) == expected
