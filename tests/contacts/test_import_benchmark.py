"""`benchmark import`: its figures, at a size that proves nothing but their shape."""

import pytest

from accounts.models import Account
from accounts.tenancy import in_account
from contacts.imports.benchmark import measure


@pytest.mark.django_db(transaction=True)
def test_gives_a_rate_a_raw_limit_and_their_ratio(acme, now, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    with in_account(acme.pk):
        Account.objects.update(is_benchmark=True)

    first, again = measure(account=acme, now=now, size=50, seed=3)

    assert set(first) == {"name", "value", "unit", "size", "seconds", "raw", "ratio", "floor"}
    assert (first["size"], first["unit"], first["floor"]) == (50, "rows/s", 0.4)
    assert first["ratio"] == pytest.approx(first["value"] / first["raw"], rel=0.2)
    assert not {"ratio", "floor"} & set(again)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
