"""The address that reads a rule for the editor."""

import pytest
from django.urls import reverse


class TestRules:
    def ask(self, client, customers, rule):
        page = reverse("conversations:check_rule", args=["acme-shoes", customers.pk])
        return client.post(page, {"rule": rule}).json()

    def test_a_rule_is_read_written_and_said(self, client, mia, customers):
        client.force_login(mia)

        answer = self.ask(client, customers, '{"not": {"purchase": {"within": "P60D"}}}')

        assert answer["rule"] == {"not": {"purchase": {"within": "P60D"}}}
        assert answer["text"] == "not: {purchase: {within: P60D}}\n"
        assert answer["sentence"] == "no order in the last 60 days"
        assert answer["problems"] == []

    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            ("{", ""),
            ("purchase: {within: x}", "purchase.within"),
            ("field: Profile.Nothing\nis: x", "field"),
        ],
    )
    def test_says_what_is_wrong(self, client, mia, customers, rule, path):
        client.force_login(mia)

        assert self.ask(client, customers, rule)["problems"][0]["path"] == path
