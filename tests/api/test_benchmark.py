"""`manage.py benchmark api`: figures on stdout, nothing left behind."""

import json
import os
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import call_command
from django.db import connections

from accounts.tenancy import lookups
from conductor.engine.benchmarks import api, redirects
from conductor.engine.benchmarks.account import SLUG


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_prints_figures_and_leaves_nothing(capfd, monkeypatch):
    address = urlsplit(os.environ["DATABASE_URL"])
    name = connections["default"].settings_dict["NAME"]
    monkeypatch.setenv("DATABASE_URL", urlunsplit(address._replace(path=f"/{name}")))
    monkeypatch.setattr(redirects, "START_SECONDS", 120.0)
    for constant, few in (("SINGLES", 6), ("WARM", 2), ("CONNECTIONS", 2), ("FILE_MB", 1)):
        monkeypatch.setattr(api, constant, few)
    for constant in ("VALUES_A_CALL", "EVENTS_A_CALL"):
        monkeypatch.setattr(api, constant, 10)

    call_command("benchmark", "api", "--size", "40")

    figures = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [figure["unit"] for figure in figures] == [
        *("requests/s", "contacts/s", "events/s", "times", "MB")
    ]
    for figure in figures[:3]:
        assert figure["value"] > 0
        assert figure["raw"] > 0
        assert figure["ratio"] > 0
    assert figures[4]["value"] >= figures[4]["before"] > 0
    assert lookups.account_by_slug(SLUG) is None
