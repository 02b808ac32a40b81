"""Every page of messages, SMS, coupons, the sandbox inbox, deliveries and providers: who may."""

import re

from django.urls import reverse

from accounts.tenancy import in_account
from messaging.models import (
    SavedMessage,
    SmsMessage,
)
from messaging.urls import urlpatterns


def every_address(shop, sandbox):
    """Each page of the app, with what its address needs."""
    parts = {
        "list_id": shop["list"].pk,
        "short_code_id": shop["code"].pk,
        "phone_list_id": shop["phones"].pk,
        "sandbox_id": sandbox.pk,
        "pool_id": shop["pool"].pk,
        "import_id": shop["codes"].pk,
        "phone": 12125550100,
        "cap_id": shop["cap"].pk,
        "suppression_id": shop["suppression"].pk,
        # Nobody gets as far as to look for it.
        "provider_id": 1,
    }
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        if "<slug:account>" not in route:  # of recipients and providers, who do not sign in
            continue
        if "<str:domain>" in route:  # it asks DNS: test_domains.py
            continue
        texts = "sms/messages/<int:message_id>" in route
        ids = {**parts, "message_id": (shop["text"] if texts else shop["message"]).pk}
        if "suppressions/" in route:
            ids["import_id"] = shop["addresses"].pk
        names = re.findall(r"<int:(\w+)>", route)
        kwargs = {"account": "acme-shoes", **{name: ids[name] for name in names}}
        if "<slug:kind>" in route:
            kwargs |= {"channel": "email", "kind": "smtp"}
        yield pattern.name, reverse(f"messaging:{pattern.name}", kwargs=kwargs)


class TestEveryPage:
    READS_BY_POST = {"preview_email", "preview_email_words", "preview_sms"}
    OWNERS = {"apps", "test_app"}

    def test_is_not_there_for_a_stranger(self, client, zoe, shop, sandboxed):
        client.force_login(zoe)

        for name, address in every_address(shop, sandboxed):
            answers = {client.get(address).status_code, client.post(address).status_code}
            assert answers <= {302, 404, 405}, name
            assert 404 in answers, name

    def test_lets_a_viewer_write_nothing(self, client, ben, acme, shop, sandboxed):
        client.force_login(ben)

        for name, address in every_address(shop, sandboxed):
            status = client.post(address).status_code
            assert status in ({200} if name in self.READS_BY_POST else {403, 405}), name

        with in_account(acme.pk):
            assert SavedMessage.objects.count() == 1
            assert SmsMessage.objects.count() == 1

    def test_opens_for_a_viewer_or_says_it_may_not(self, client, ben, shop, sandboxed):
        client.force_login(ben)

        for name, address in every_address(shop, sandboxed):
            assert client.get(address).status_code in {200, 302, 403, 405}, name

    def test_opens_for_the_owner(self, client, ada, shop, sandboxed):
        client.force_login(ada)

        for name, address in every_address(shop, sandboxed):
            assert client.get(address).status_code in {200, 302, 405}, name
