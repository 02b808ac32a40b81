"""The benchmark runs, agrees with the query written by hand, and leaves nothing behind."""

from accounts.tenancy import in_account
from contacts.filters import benchmark
from contacts.models import Contact


class TestMeasure:
    def test_measures_and_leaves_nothing(self, acme, now):
        (figure,) = benchmark.measure(account=acme, now=now, size=2000, seed=3)

        assert figure["size"] == 2000
        assert figure["ratio"] > 0
        assert figure["floor"] == 0.67
        assert list(figure) == [
            "name", "value", "unit", "size", "seconds", "raw", "ratio", "floor",
        ]  # fmt: skip
        with in_account(acme.pk):
            assert not Contact.objects.exists()
