"""A body that is half good stores nothing, on any route."""

import pytest

from accounts.tenancy import in_account
from accounts.wire.frame import Demands
from conductor.api import api
from conductor.webhooks.actions import create_endpoint
from contacts.api.crosschannel import event_uid
from contacts.models import Segment
from messaging.actions.campaigns import save_content
from messaging.models import CouponPool, ShortCode
from tests.api.stored import everything_stored
from tests.factories import (
    ExternalEventFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
)

PHONE = "12125552368"

# What a route takes until, late, something in it is wrong.
HALF_GOOD = {
    "POST /email/v1/List": {"listName": "Half", "folderId": 999999},
    "PUT /email/v1/List/{list_id}": {"listName": "Half", "folderId": 999999},
    "POST /email/v1/Folder": {"folderName": "x" * 121},
    "PUT /email/v1/Folder/{folder_id}": {"folderName": "Half"},
    "POST /email/v1/List/{list_id}/EventGroup": {"eventGroupName": "x" * 101},
    "PUT /email/v1/List/{list_id}/EventGroup/{event_group_id}": {"eventGroupName": "Half"},
    "DELETE /email/v1/List/{list_id}/EventGroup/{event_group_id}": None,
    "PUT /email/v1/List/{list_id}/Event/{event_id}": {"eventName": "Half", "status": "Asleep"},
    "PUT /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}": {
        "segmentationFieldGroupName": "x" * 101
    },
    "DELETE /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}": None,
    "PUT /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}"
    "/SegmentationField/{segmentation_field_id}": {
        "segmentationFieldName": "Half",
        "dataType": "Fraction",
    },
    "DELETE /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}"
    "/SegmentationField/{segmentation_field_id}": None,
    "POST /email/v1/List/{list_id}/SegmentationFieldGroup": {
        "segmentationFieldGroupName": "x" * 101
    },
    "POST /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}"
    "/SegmentationField": {"segmentationFieldName": "Half", "dataType": "Fraction"},
    "POST /email/v1/List/{list_id}/Contact?eventIds={event_id}": {
        "emailAddress": "half@mail.example",
        "segmentationFieldValues": [
            {"segmentationFieldId": "{segmentation_field_id}", "value": "good"},
            {"segmentationFieldId": 999999, "value": "bad"},
        ],
    },
    "POST /email/v1/List/{list_id}/Event": {"eventName": "Half", "status": "Asleep"},
    "POST /email/v1/List/{list_id}/SavedMessage": {
        "savedMessageName": "Half",
        "subject": "Good",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
        "bodyHtml": "{% bad",
    },
    "PUT /email/v1/List/{list_id}/SavedMessage/{saved_message_id}": {
        "savedMessageName": "Half",
        "subject": "Good",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
        "bodyHtml": "{% bad",
    },
    "POST /email/v1/List/{list_id}/SavedMessage/{saved_message_id}/Message"
    "?sendTestMessage=true": None,
    "POST /email/v1/List/{list_id}/Message": {
        "subject": "Good",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
        "bodyHtml": "<p>Good</p>",
        "filter": {"segmentationField": "bad"},
    },
    "DELETE /conductor/v1/List/{list_id}/Message/{message_id}": None,
    "POST /email/v1/List/{list_id}/TransactionalMessage/{transactional_message_id}/Message": {
        "emailAddress": "half@mail.example",
        "segmentationFieldValues": [
            {"segmentationFieldId": "{segmentation_field_id}", "value": "good"},
            {"segmentationFieldId": 999999, "value": "bad"},
        ],
    },
    "POST /email/v1/List/{list_id}/TransactionalMessage/{transactional_message_id}"
    "/Resend/{resend_key}": None,
    "POST /sms/v1/ShortCode/{sender_code_id}/PhoneList/{phone_list_id}"
    "/TransactionalMessage/{transactional_message_id}/Message": {"phoneNumber": PHONE},
    "POST /email/v1/List/{list_id}/Campaign": {"campaignName": "x" * 121},
    "PUT /email/v1/List/{list_id}/Campaign/{campaign_id}": {"campaignName": "x" * 121},
    "DELETE /email/v1/List/{list_id}/Campaign/{campaign_id}": None,
    "POST /email/v1/Content": {"contentName": "Half", "htmlContent": "{% bad"},
    "PUT /email/v1/Content/{content_id}": {"contentName": "Half", "contentFolderId": 999999},
    "POST /conductor/v1/ContentFolder": {"folderName": "Half", "parentFolderId": 999999},
    "POST /conductor/v1/IpPool": {"ipPoolDescription": ""},
    "POST /email/v1/List/{list_id}/Contact/SegmentationField": [
        {
            "emailAddress": "half@mail.example",
            "segmentationFieldValues": [
                {"segmentationFieldId": "{segmentation_field_id}", "value": "good"}
            ],
        },
        {"emailAddress": "half@mail.example", "segmentationFieldValues": "bad"},
    ],
    "POST /email/v1/List/{list_id}/ListImport": {
        "fileDelimiter": ",",
        "fileMappings": [
            {"fileColumn": 0, "fileColumnType": "Email"},
            {"fileColumn": 9, "fileColumnType": "ExternalContactID"},
        ],
        "fileName": "half.csv",
        "fileStream": "YUBiLmV4YW1wbGUsMQo=",
        "importType": "AddSubscribers",
        "segmentationImportType": "Update",
    },
    "DELETE /email/v1/List/{list_id}": None,
    "DELETE /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}"
    "/SegmentationField/{segmentation_field_id}/Values": None,
    "POST /conductor/v1/List/{list_id}/SplitTest": {
        "splitTestName": "Half",
        "groups": [
            {
                "groupName": name,
                "percent": 60,
                "subject": "Good",
                "bodyHtml": "<p>Good</p>",
                "fromName": "Acme",
                "fromEmail": "shop@acme.example",
            }
            for name in ("A", "B")
        ],
    },
    "POST /crosschannel/v1/eventConfigurations/{event_uid}/events": {
        "events": [
            {
                "identifiers": [
                    {"identifierType": "EmailAddress", "identifierValue": "half@mail.example"}
                ]
            },
            "bad",
        ]
    },
    "POST /privacy/v1/Forget": {"emailAddress": "half@mail.example", "phoneNumber": "bad"},
    "POST /data/v1/Review": {"provider": "half"},
    "POST /data/v1/RatingSummary": {"provider": "half"},
    "POST /sms/v1/ShortCode/{sender_code_id}/Broadcast/Immediate": {
        "phoneListId": "{phone_list_id}",
        "messageContent": "Good",
        "messageTitle": "x" * 51,
    },
    "PUT /sms/v1/ShortCode/{sender_code_id}/Contact": {"phoneNumber": PHONE, "firstName": "Half"},
    "PUT /sms/v1/ShortCode/{sender_code_id}/Contact/{phone_number}": {"firstName": "Half"},
    "POST /sms/v1/ShortCode/{sender_code_id}/ContactImport": {
        "fileName": "half.csv",
        "fileStream": "MTIxMjU1NTIzNjgsMQo=",
        "importType": "UpdateSubscribers",
        "hasColumnNames": False,
        "textQualifier": "",
        "fileMappings": [
            {"fileColumnType": "Phone", "fileColumn": 0},
            {"fileColumnType": "Phone", "fileColumn": 9},
        ],
    },
    "POST /twowaysms/tickets": {
        "integrationType": "custom",
        "phoneId": "{phone_id}",
        "externalTicketId": "x" * 201,
    },
    "DELETE /twowaysms/tickets": {"integrationType": "custom", "phoneId": "{phone_id}"},
    "POST /twowaysms/send": {
        "integrationType": "custom",
        "phoneId": "{phone_id}",
        "messageBody": "Good",
    },
    "POST /data/v1/Customer": {"email": "half@mail.example"},
    "POST /data/v1/Order": {"orderNumber": "half"},
    "POST /data/v1/Product": {"sku": "half"},
    "POST /conductor/v1/List/{list_id}/Event/Raise": {
        "emailAddress": "half@mail.example",
        "event": "{event_id}",
        "properties": {"bad": "\x00"},
    },
    "POST /conductor/v1/Erasure": {"emailAddress": "half@mail.example", "phoneNumber": "bad"},
    "POST /conductor/v1/List/{list_id}/Event/Batch": {
        "emailAddress": "half@mail.example",
        "event": "{event_id}",
        "createContact": True,
    },
    "POST /conductor/v1/ShortCode": {
        "code": "77777",
        "country": "US",
        "emailListId": "{list_id}",
        "messageTypes": ["Transactional", "Bad"],
    },
    "POST /conductor/v1/ShortCode/{sender_code_id}/PhoneList": {
        "phoneListName": "Half",
        "smsListType": "Bad",
    },
    "POST /conductor/v1/ShortCode/{sender_code_id}/PhoneList/{phone_list_id}/SmsMessage": {
        "name": "Half",
        "text": "Good",
        "mediaUrl": "bad",
    },
    "POST /sms/v1/ShortCode/{sender_code_id}/PhoneList/{phone_list_id}/Contact": {
        "phoneNumber": PHONE,
        "firstName": "Good",
        "segmentationFieldValues": [{"segmentationFieldId": 999999, "value": "bad"}],
    },
    "POST /sms/v1/ShortCode/{sender_code_id}/Contact/{phone_number}/PhoneList/{phone_list_id}": None,
    "DELETE /sms/v1/ShortCode/{sender_code_id}/ContactUnsubscribe/{phone_number}"
    "/PhoneList/{phone_list_id}": None,
    "POST /conductor/v1/List/{list_id}/Segment": {
        "segmentName": "Half",
        "rule": {"all": [{"field": "Nowhere.Half", "is": "bad"}]},
    },
    "PUT /conductor/v1/List/{list_id}/Segment/{segment_id}": {
        "segmentName": "Half",
        "rule": {"all": [{"field": "Nowhere.Half", "is": "bad"}]},
    },
    "DELETE /conductor/v1/List/{list_id}/Segment/{segment_id}": None,
    "POST /conductor/v1/List/{list_id}/Segment/{segment_id}/Member": {"emailAddresses": "bad"},
    "DELETE /conductor/v1/List/{list_id}/Segment/{segment_id}/Member": {"emailAddresses": "bad"},
    "POST /conductor/v1/CouponPool": {"name": "Half", "alertEmails": ["ops@acme.example", "bad"]},
    "PUT /conductor/v1/CouponPool/{coupon_pool_id}": {"name": "Half", "alertEmails": ["bad"]},
    "POST /conductor/v1/CouponPool/{coupon_pool_id}/Code": {"codes": []},
    "POST /conductor/v1/Suppression": {"addresses": ["half@mail.example"], "reason": "bad"},
    "DELETE /conductor/v1/Suppression/{suppression_id}": None,
    "POST /conductor/v1/Conversation/{conversation_id}/Enrollment/Enter": {"thread": "Half"},
    "POST /conductor/v1/Conversation/{conversation_id}/Enrollment/Move": {"exit": "bad"},
    "POST /conductor/v1/Conversation/{conversation_id}/Enrollment/End": {},
    "POST /conductor/v1/SegmentMapping": {
        "mappingName": "Half",
        "listId": "{list_id}",
        "eventType": "track",
        "values": {"999999": "on"},
    },
    "PUT /conductor/v1/SegmentMapping/{segment_mapping_id}": {
        "mappingName": "Half",
        "listId": "{list_id}",
        "eventType": "track",
        "values": {"999999": "on"},
    },
    "DELETE /conductor/v1/SegmentMapping/{segment_mapping_id}": None,
    "POST /conductor/v1/source/segment": {"batch": [{"type": "track"}, "bad"]},
    "POST /conductor/v1/Webhook": {
        "name": "Half",
        "url": "https://shop.example/",
        "kinds": ["clicked"],
        "listIds": [999999],
    },
    "PUT /conductor/v1/Webhook/{webhook_id}": {
        "name": "Half",
        "url": "http://10.0.0.7/",
        "kinds": ["clicked"],
    },
    "DELETE /conductor/v1/Webhook/{webhook_id}": None,
    "POST /conductor/v1/Webhook/{webhook_id}/Secret": None,
    "POST /conductor/v1/Webhook/{webhook_id}/Replay": {"cursor": "Half"},
    "POST /conductor/v1/Secret": {"name": "HALF", "value": ""},
    "DELETE /conductor/v1/Secret/{secret_id}": None,
    "POST /conductor/v1/List/{list_id}/Conversation": {
        "conversation": "Half",
        "list": "Store Customers",
        "threads": [
            {
                "thread": "Winback",
                "steps": [{"key": "start", "trigger": {"none": True}}, {"key": "end", "bad": {}}],
            }
        ],
    },
    "POST /conductor/v1/Conversation/{conversation_id}/Publication": None,
    "DELETE /conductor/v1/Conversation/{conversation_id}/Publication": None,
    "POST /conductor/v1/List/{list_id}/Conversation/{conversation_id}/Publication": None,
    "DELETE /conductor/v1/List/{list_id}/Conversation/{conversation_id}/Publication": None,
}


# What takes no body has an id that names nothing.
NOWHERE = {
    "DELETE /email/v1/List/{list_id}/SegmentationFieldGroup/{segmentation_field_group_id}"
    "/SegmentationField/{segmentation_field_id}/Values": {"segmentation_field_id": 999999},
    "DELETE /conductor/v1/Webhook/{webhook_id}": {"webhook_id": 999999},
    "POST /conductor/v1/Webhook/{webhook_id}/Secret": {"webhook_id": 999999},
}


# What a token does not open.
KEYED = {"POST /conductor/v1/source/segment"}


def writing_routes() -> list[str]:
    """Return every route that may write."""
    return sorted(
        f"{method} {bound.prefix}{path}"
        for bound in api()._get_bound_routers()
        for path, view in bound.path_operations.items()
        for operation in view.operations
        for method in operation.methods
        if method != "GET"
    )


@pytest.fixture
def ids(acme, shop, now):
    with in_account(acme.pk):
        code: ShortCode = ShortCodeFactory.create(email_list=shop)
        field = ProfileFieldFactory.create(group__list=shop)
        phone_list = PhoneListFactory.create(short_code=code)
        saved = SavedMessageFactory.create(list=shop)
        event = ExternalEventFactory.create(list=shop)
        # What names the field keeps it from being deleted.
        Segment.objects.create(
            list=shop,
            name="VIPs",
            rule={"all": [{"field": f"{field.group.name}.{field.name}", "is": "vip"}]},
            created_at=now,
            modified_at=now,
        )
        return {
            "list_id": shop.pk,
            "segmentation_field_group_id": field.group_id,
            "segmentation_field_id": field.pk,
            "event_id": event.pk,
            "event_uid": event_uid(event),
            "phone_id": PhoneSubscriptionFactory.create(phone_list=phone_list).pk,
            "sender_code_id": code.pk,
            "phone_list_id": phone_list.pk,
            "phone_number": PHONE,
            "saved_message_id": saved.pk,
            "transactional_message_id": SmsMessageFactory.create(
                pk=saved.pk, phone_list=phone_list
            ).pk,
            "campaign_id": 999999,
            "content_id": save_content(name="Good", now=now).pk,
            "message_id": 999999,
            "resend_key": "bad",
            "folder_id": 999999,
            "event_group_id": 999999,
            "segment_id": 999999,
            "coupon_pool_id": CouponPool.objects.create(
                name="Ten off", created_at=now, modified_at=now
            ).pk,
            "conversation_id": 999999,
            "secret_id": 999999,
            "webhook_id": create_endpoint(
                name="Good", url="https://shop.example/", kinds=["clicked"], now=now
            ).endpoint.pk,
            "suppression_id": 999999,
            "segment_mapping_id": 999999,
        }


def filled(value, ids):
    """Put the ids into a body."""
    if isinstance(value, dict):
        return {key: filled(each, ids) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    name = value[1:-1] if isinstance(value, str) and value.startswith("{") else ""
    return ids.get(name, value)


def test_every_writing_route_has_a_half_good_body():
    assert writing_routes() == sorted(route.partition("?")[0] for route in HALF_GOOD)


def test_every_route_says_what_it_demands():
    for bound in api()._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                assert isinstance(operation.view_func.demands, Demands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("route", sorted(HALF_GOOD))
def test_a_half_good_body_stores_nothing(wire, acme, ids, route):
    method, path = route.format(**{**ids, **NOWHERE.get(route, {})}).split()
    with in_account(acme.pk):
        before = everything_stored()

    refusal = wire.refused(method, path, filled(HALF_GOOD[route], ids))

    assert refusal[0] in ({401} if route in KEYED else {400, 404})
    with in_account(acme.pk):
        assert everything_stored() == before


def test_an_exception_after_the_act_undoes_it(wire, acme, monkeypatch):
    """The route has written its row when the answer turns out to be impossible."""
    from accounts import api as lists

    monkeypatch.setattr(lists, "created", lambda _: object())
    with in_account(acme.pk):
        before = everything_stored()

    refusal = wire.refused("POST", "/email/v1/List", {"listName": "Half"})

    assert refusal[:2] == (500, "ERROR_UNHANDLED_EXCEPTION")
    with in_account(acme.pk):
        assert everything_stored() == before
