"""A stranger's token finds nothing of acme's, on any route that names an id."""

import pytest

from accounts.folders import create_folder
from accounts.models import IntegrationType
from accounts.tenancy import in_account
from conductor.api import api
from conductor.webhooks.actions import create_endpoint
from contacts.actions.erasure import erase
from contacts.actions.event_groups import create_event_group
from contacts.actions.segments import create_segment
from contacts.api.crosschannel import event_uid
from contacts.models import SegmentMapping
from messaging.actions.campaigns import create_campaign, save_content
from messaging.actions.coupons import create_pool
from messaging.models import Broadcast, ShortCode, SplitTest
from tests.api.conftest import connect
from tests.factories import (
    CommittedMessageFactory,
    ExternalEventFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)

PHONE = "12125552368"


def reading_routes() -> list[str]:
    """Return every GET that names an id, but the conversations', which are tried elsewhere."""
    return sorted(
        bound.prefix + path
        for bound in api()._get_bound_routers()
        for path, view in bound.path_operations.items()
        for operation in view.operations
        if "GET" in operation.methods and "{" in path and "conversation_id" not in path
    )


@pytest.fixture
def ids(acme, shop, now):
    """Everything that a path may name, of acme."""
    with in_account(acme.pk):
        code: ShortCode = ShortCodeFactory.create(email_list=shop)
        phone_list = PhoneListFactory.create(short_code=code)
        consent = PhoneSubscriptionFactory.create(phone_list=phone_list, phone_e164=f"+{PHONE}")
        field = ProfileFieldFactory.create(group__list=shop)
        subscription = SubscriptionFactory.create(list=shop)
        event = ExternalEventFactory.create(list=shop)
        erased = erase(contacts=[], phones=["+12125550199"], now=now, source="api")
        saved = SavedMessageFactory.create(list=shop)
        message = CommittedMessageFactory.create(
            list=shop, content={"html": '<a href="https://shop.example/">Shop</a>'}
        )
        broadcast = Broadcast.objects.create(
            list=shop, message=message, created_at=now, send_at=now
        )
        return {
            "list_id": shop.pk,
            "segmentation_field_group_id": field.group_id,
            "segmentation_field_id": field.pk,
            "segment_id": create_segment(list=shop, name="Picked", kind="manual", now=now).pk,
            "event_id": event.pk,
            "event_uid": event_uid(event),
            "split_test_id": SplitTest.objects.create(list=shop, name="A", created_at=now).pk,
            "request_id": erased.pk,
            "phone_id": consent.pk,
            "saved_message_id": saved.pk,
            "campaign_id": create_campaign(list=shop, name="Autumn", now=now).pk,
            "content_id": save_content(name="Hero", now=now).pk,
            "message_id": broadcast.pk,
            "message_link_id": 1,
            "contact_identifier": subscription.contact.email,
            "sender_code_id": code.pk,
            "phone_list_id": phone_list.pk,
            "phone_number": PHONE,
            "transactional_message_id": SmsMessageFactory.create(
                pk=saved.pk, phone_list=phone_list
            ).pk,
            "folder_id": create_folder(name="Shops", now=now).pk,
            "event_group_id": create_event_group(list=shop, name="Carts", now=now).pk,
            "erasure_id": erased.pk,
            "import_file_id": 1,
            "webhook_id": create_endpoint(
                name="Shop", url="https://shop.example/", kinds=["clicked"], now=now
            ).endpoint.pk,
            "coupon_pool_id": create_pool(name="Welcome 10", now=now).pk,
            "segment_mapping_id": SegmentMapping.objects.create(
                name="VIPs", list=shop, event_type="track", created_at=now, modified_at=now
            ).pk,
        }


@pytest.mark.parametrize("route", reading_routes())
def test_what_is_of_acme_is_found_by_acme_alone(wire, globex, now, ids, route):
    stranger = connect(globex, now, types=list(IntegrationType.values))
    path = route.format(**ids)

    assert stranger.refused("GET", path)[:2] == (404, "ERROR_UNABLE_TO_LOCATE_RESOURCE")
    if "import_file_id" not in route:
        assert wire.call("GET", path).status_code == 200
