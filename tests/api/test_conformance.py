"""Every operation of the vendor's OpenAPI files: its route, status, envelope and body."""

import base64
import json
import re
import sys
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import IpPool
from accounts.tenancy import in_account
from conductor.api import api
from contacts.actions.event_groups import create_event_group
from contacts.actions.segments import create_segment
from messaging.actions import record_receipts
from messaging.actions.broadcasts import send_transaction, transactions_of
from messaging.actions.campaigns import create_campaign, create_folder, save_content
from messaging.api.transactions import resend_key
from messaging.models import Broadcast, Delivery, SplitTest
from tests.api.vendor import FILES, Operation, operations
from tests.factories import (
    CommittedMessageFactory,
    ConversationFactory,
    DeliveryFactory,
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
    VersionFactory,
)

# Not built yet; this list only shrinks.
MISSING: set[str] = set()
# Where we answer otherwise than the files' schemas say, and what says so. Recorded traffic (W)
# wins over the files (D); each names the faults that the checker finds, and no more of them.
ENVELOPED = "W 3.2: every recorded answer has its `status`; none was ever a bare resource."
CORRECTIONS = {
    "GET /sms/v1/ShortCode/{senderCodeId}/PhoneList/{phoneListId}": (
        f"{ENVELOPED} D: the route's own example wraps the list, in an array of one.",
        {"$.status is no string: 200", "$.data is not declared"},
    ),
    "GET /sms/v1/ShortCode/{senderCodeId}/PhoneList/{phoneListId}/TransactionalMessage"
    "/{transactionalMessageId}": (
        f"{ENVELOPED} D: the route's own example wraps the message.",
        {"$.status is not declared", "$.data is not declared"},
    ),
}
# Of an operation that conforms, a second answer that the files do not declare.
RECORDED = {
    "POST /email/v1/List/{listId}/Contact": (
        "W 4.1: a contact that the list has is answered 200 with its address, not 201.",
        {"200 is not declared"},
    ),
}
# The files ask for no level to read or write contacts (I: the level of that name is meant).
OWN_LEVELS = {
    "GET /email/v1/List/{listId}/Contact": {"Contact"},
    "POST /email/v1/List/{listId}/Contact": {"Contact"},
    "GET /email/v1/List/{listId}/Contact/{contactIdentifier}": {"Contact"},
    "POST /email/v1/List/{listId}/Contact/SegmentationField": {"Contact"},
}
NAME = re.compile(r"\{[^}]*\}")
PHONE, NEW_PHONE = "12125552368", "12125552369"
FIELD = {"segmentationFieldId": "{segmentationFieldId}", "value": "Blue"}
CSV = base64.b64encode(b"grace@mail.example\n").decode()
GROUP = "/email/v1/List/{listId}/SegmentationFieldGroup"
CODE = "/sms/v1/ShortCode/{senderCodeId}"
# What the happy calls send; `{name}` stands for an id of the world.
BODIES: dict[str, Any] = {
    "POST /data/v1/Customer": [{"email": "grace@mail.example", "firstName": "Grace"}],
    "POST /data/v1/Order": [{"orderNumber": "1", "email": "grace@mail.example", "items": []}],
    "POST /data/v1/Product": [{"sku": "hat", "price": 5}],
    "POST /data/v1/RatingSummary": [
        {
            "provider": "Stars",
            "providerProductID": "hat",
            "ratingSummaries": [{"providerRatingSummaryID": "1", "rating": 4.5, "ratingMax": 5}],
        }
    ],
    "POST /data/v1/Review": [
        {
            "featured": False,
            "provider": "Stars",
            "providerProductID": "hat",
            "providerReviewID": "1",
            "recommended": True,
            "title": "Fits",
        }
    ],
    "POST /email/v1/List/{listId}/Campaign": {"campaignName": "Spring"},
    "PUT /email/v1/List/{listId}/Campaign/{campaignId}": {"campaignName": "Summer"},
    "POST /email/v1/List/{listId}/Contact": {
        "emailAddress": "new@mail.example",
        "segmentationFieldValues": [FIELD],
    },
    "POST /email/v1/List/{listId}/Contact/SegmentationField": [
        {"emailAddress": "grace@mail.example", "segmentationFieldValues": [FIELD]}
    ],
    "POST /email/v1/Content": {"contentName": "Footer", "contentType": "SavedContent"},
    "PUT /email/v1/Content/{contentId}": {"contentName": "Header", "htmlContent": "<p>Hi</p>"},
    "POST /email/v1/List/{listId}/Event": {"eventName": "Cart", "status": "Active"},
    "PUT /email/v1/List/{listId}/Event/{eventId}": {"eventName": "Carts", "status": "Active"},
    "POST /email/v1/List/{listId}/EventGroup": {"eventGroupName": "Shop"},
    "PUT /email/v1/List/{listId}/EventGroup/{eventGroupId}": {"eventGroupName": "Shops"},
    "POST /email/v1/Folder": {"folderName": "Brands"},
    "PUT /email/v1/Folder/{folderId}": {"folderName": "Shops"},
    "POST /email/v1/List": {
        "listName": "New",
        "bounceHandling": "Standard",
        "bounceUnsubscribeCount": 5,
    },
    "PUT /email/v1/List/{listId}": {
        "listName": "Renamed",
        "bounceHandling": "None",
        "bounceUnsubscribeCount": 3,
    },
    "POST /email/v1/List/{listId}/ListImport": {
        "fileDelimiter": ",",
        "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
        "fileName": "some.csv",
        "fileStream": CSV,
        "importType": "AddSubscribers",
        "segmentationImportType": "Update",
    },
    "POST /email/v1/List/{listId}/Message": {
        "bodyHtml": "<p>Hello</p>",
        "fromEmail": "shop@acme.example",
        "fromName": "Acme",
        "subject": "Hello",
    },
    "POST /email/v1/List/{listId}/SavedMessage": {
        "savedMessageName": "New",
        "subject": "Hello",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
    },
    "PUT /email/v1/List/{listId}/SavedMessage/{savedMessageId}": {
        "savedMessageName": "Changed",
        "subject": "Hello",
        "fromName": "Acme",
        "fromEmail": "shop@acme.example",
    },
    f"POST {GROUP}": {"segmentationFieldGroupName": "Taste", "position": 1},
    f"PUT {GROUP}/{{segmentationFieldGroupId}}": {
        "segmentationFieldGroupName": "Tastes",
        "position": 1,
    },
    f"POST {GROUP}/{{segmentationFieldGroupId}}/SegmentationField": {
        "segmentationFieldName": "Size",
        "dataType": "Text",
        "maxLength": 10,
        "position": 1,
    },
    f"PUT {GROUP}/{{segmentationFieldGroupId}}/SegmentationField/{{segmentationFieldId}}": {
        "segmentationFieldName": "Colour",
        "dataType": "Text",
        "maxLength": 10,
        "position": 1,
    },
    "POST /email/v1/List/{listId}/TransactionalMessage/{transactionalMessageId}/Message": {
        "emailAddress": "grace@mail.example",
        "segmentationFieldValues": [FIELD],
    },
    "POST /privacy/v1/Forget": {"emailAddress": "forget@mail.example"},
    "POST /crosschannel/v1/eventConfigurations/{eventUID}/events": {
        "events": [
            {
                "identifiers": [
                    {"identifierValue": "grace@mail.example", "identifierType": "EmailAddress"}
                ],
                "dataFields": {"colour": "red"},
            }
        ]
    },
    f"POST {CODE}/Broadcast/Immediate": {
        "phoneListId": "{phoneListId}",
        "messageContent": "10% off",
        "messageTitle": "Sale",
    },
    f"POST {CODE}/PhoneList/{{phoneListId}}/Contact": {"phoneNumber": NEW_PHONE},
    f"PUT {CODE}/Contact": {"phoneNumber": PHONE, "firstName": "Grace"},
    f"POST {CODE}/ContactImport": {
        "fileName": "some.csv",
        "fileStream": base64.b64encode(b"12125552368,Blue\n").decode(),
        "importType": "UpdateSubscribers",
        "hasColumnNames": False,
        "textQualifier": "",
        "fileMappings": [
            {"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0},
            {
                "fileColumnType": "SegmentationField",
                "segmentationFieldId": "{segmentationFieldId}",
                "fileColumn": 1,
            },
        ],
    },
    "POST /sms/v1/ShortCode/{SenderCodeId}/PhoneList/{phoneListId}/TransactionalMessage"
    "/{transactionalMessageId}/Message": {"phoneNumber": PHONE, "messageContent": "Hi"},
    "POST /twowaysms/tickets": {
        "integrationType": "custom",
        "phoneId": "{phoneId}",
        "externalTicketId": "T-1",
    },
    "POST /twowaysms/send": {
        "integrationType": "custom",
        "phoneId": "{phoneId}",
        "externalTicketId": "T-1",
        "messageBody": "How can we help?",
    },
    "DELETE /twowaysms/tickets": {"integrationType": "custom", "phoneId": "{phoneId}"},
}
# Ids that a path has besides those of the world, since the world's are in use.
OTHER_IDS = {
    "DELETE /email/v1/List/{listId}": {"listId": "emptyListId"},
    f"DELETE {GROUP}/{{segmentationFieldGroupId}}": {"segmentationFieldGroupId": "emptyGroupId"},
    f"POST {CODE}/Contact/{{phoneNumber}}/PhoneList/{{phoneListId}}": {
        "phoneListId": "otherPhoneListId"
    },
}
ORDER = ("GET", "POST", "PUT", "DELETE")


@pytest.fixture
def world(acme, shop, now) -> dict[str, Any]:
    """One of everything that a path may name, with something to show about it."""
    with in_account(acme.pk):
        return {**emails(shop, now), **texts(shop, now)}


def emails(shop: Any, now: Any) -> dict[str, Any]:
    """Return what the email API names."""
    field = ProfileFieldFactory.create(group__list=shop)
    grace = SubscriptionFactory.create(list=shop, contact__email="grace@mail.example")
    saved = SavedMessageFactory.create(list=shop)
    message = CommittedMessageFactory.create(list=shop)
    message.content["html"] = '<p><a href="https://shop.example/sale">Sale</a></p>'
    message.save()
    conversation = ConversationFactory.create(list=shop)
    version = VersionFactory.create(conversation=conversation, commits={"mail": message.pk})
    conversation.published = version
    conversation.save()
    broadcast = Broadcast.objects.create(
        list=shop, message=message, status="Sent", created_at=now, send_at=now, started_at=now
    )
    common = {"list": shop, "contact": grace.contact, "message": message, "address": "a@b.example"}
    for about in ({"broadcast_id": broadcast.pk}, {"conversation_id": conversation.pk}):
        sent = DeliveryFactory.create(**common, **about)
        later = sent.sent_at + timedelta(hours=1)
        for kind, detail in (
            ("opened", {}),
            ("clicked", {"url": "https://shop.example/sale"}),
            ("bounced", {"bounce": "soft"}),
        ):
            record_receipts(delivery=sent, kind=kind, detail=detail, now=later, occurred_at=later)
    transaction = send_transaction(
        message=message,
        transactions=transactions_of(saved=saved, in_list=shop, now=now),
        contact=grace.contact,
        address="grace@mail.example",
        now=now,
    )
    Delivery.objects.filter(pk=transaction.pk).update(state="sent", sent_at=now)
    IpPool.objects.create(description="Shared")
    split_test = SplitTest.objects.create(list=shop, name="Subjects", created_at=now)
    for name, first, last in (("A", 0, 50), ("", 50, 100)):
        Broadcast.objects.create(
            list=shop,
            message=message,
            split_test=split_test,
            group_name=name,
            share_from=first,
            share_to=last,
            created_at=now,
            send_at=now + timedelta(days=1),
        )
    create_segment(list=shop, name="VIPs", kind="manual", now=now)
    return {
        "listId": shop.pk,
        "emptyListId": ListFactory.create().pk,
        "campaignId": create_campaign(list=shop, name="Autumn", now=now).pk,
        "contactIdentifier": "grace@mail.example",
        "contentId": save_content(
            name="Hero", now=now, folder=create_folder(name="Parts", now=now)
        ).pk,
        "conversationId": conversation.pk,
        "conversationMessageId": message.pk,
        "conversationMessageLinkId": 1,
        "messageId": broadcast.pk,
        "messageLinkId": 1,
        "splitTestId": split_test.pk,
        "eventId": ExternalEventFactory.create(list=shop).pk,
        "eventGroupId": create_event_group(list=shop, name="Carts", now=now).pk,
        "savedMessageId": saved.pk,
        "transactionalMessageId": saved.pk,
        "resendKey": resend_key(transaction.pk, int(transaction.account_id or 0)),
        "segmentationFieldGroupId": field.group_id,
        "emptyGroupId": ProfileFieldGroupFactory.create(list=shop).pk,
        "segmentationFieldId": field.pk,
    }


def texts(shop: Any, now: Any) -> dict[str, Any]:
    """Return what the SMS APIs name."""
    code = ShortCodeFactory.create(email_list=shop)
    phone_list = PhoneListFactory.create(short_code=code)
    other = PhoneListFactory.create(short_code=code)
    consent = PhoneSubscriptionFactory.create(phone_list=phone_list, phone_e164=f"+{PHONE}")
    return {
        "senderCodeId": code.pk,
        "SenderCodeId": code.pk,
        "phoneListId": phone_list.pk,
        "otherPhoneListId": other.pk,
        "phoneNumber": PHONE,
        "phoneId": consent.pk,
        "smsMessageId": SmsMessageFactory.create(phone_list=phone_list).pk,
    }


def called(wire: Any, operation: Operation, world: dict[str, Any]) -> Any:
    """Call an operation with what belongs to it."""
    ids = dict(world)
    ids |= {name: world[of] for name, of in OTHER_IDS.get(operation.name, {}).items()}
    if operation.api == "sms":
        ids["transactionalMessageId"] = world["smsMessageId"]
    body = filled(BODIES.get(operation.name), ids)
    return wire.client.generic(
        operation.method,
        operation.path.format(**ids),
        data="" if body is None else json.dumps(body),
        content_type="application/json" if body is not None else "",
        headers={"Authorization": f"Bearer {wire.token}"},
    )


def filled(value: Any, ids: dict[str, Any]) -> Any:
    """Put ids into a body."""
    if isinstance(value, dict):
        return {key: filled(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    if isinstance(value, str) and value.startswith("{"):
        return ids[value[1:-1]]
    return value


def learn(operation: Operation, answer: Any, world: dict[str, Any]) -> None:
    """Note the ids of what only a call makes."""
    made = {
        "POST /email/v1/Folder": "folderId",
        "POST /email/v1/List/{listId}/ListImport": "importFileId",
        "POST /privacy/v1/Forget": "requestId",
        f"POST {CODE}/ContactImport": "importFileId",
    }.get(operation.name)
    if made:
        world[made] = json.loads(answer.content)["resourceId"]
    if operation.name == "GET /crosschannel/v1/eventConfigurations":
        world["eventUID"] = json.loads(answer.content)["data"][0]["eventUID"]


def in_order(found: list[Operation], world: dict[str, Any]) -> list[Operation]:
    """Return operations in an order in which each finds what it names: the inmost deleted first."""

    def place(operation: Operation) -> tuple[bool, int, int]:
        names = operation.path.count("{")
        makes = operation.name.startswith("POST") and not names
        if operation.method == "DELETE":
            return (True, -operation.path.count("/"), 0)
        return (False, -makes, ORDER.index(operation.method))

    return sorted(found, key=place)


@pytest.mark.skipif(not FILES.is_dir(), reason="the vendor's OpenAPI files are not here")
def test_every_operation_conforms(wire, world, capsys):
    found = operations()
    faults: dict[str, list[str]] = {}
    missing = set()

    later = [one for one in found if "{importFileId}" in one.path or "{folderId}" in one.path]
    first = [one for one in in_order(found, world) if one not in later]
    deletions = [one for one in first if one.method == "DELETE"]
    for operation in [*first[: len(first) - len(deletions)], *later, *deletions]:
        if operation.name in MISSING:
            answer = wire.client.generic(operation.method, operation.path.replace("{", ""))
            assert answer.status_code in {404, 405}, f"{operation.name} is built: take it out"
            missing.add(operation.name)
            continue
        answer = called(wire, operation, world)
        body = json.loads(answer.content) if answer.content else None
        expected = CORRECTIONS.get(operation.name, ("", set()))[1]
        wrong = [
            fault
            for fault in operation.faults(answer.status_code, body)
            if fault not in expected and not is_same(fault, expected)
        ]
        if wrong or answer.status_code >= 400:
            faults[operation.name] = [f"{answer.status_code} {answer.content[:200]!r}", *wrong]
        else:
            learn(operation, answer, world)

    with capsys.disabled():
        conform = len(found) - len(missing) - len(faults)
        sys.stdout.write(f"\n{conform} of {len(found)} operations conform\n")
        for name, (evidence, _) in (*CORRECTIONS.items(), *RECORDED.items()):
            sys.stdout.write(f"  otherwise than its schema: {name}. {evidence}\n")
    assert len(found) == 117
    assert faults == {}
    assert missing == MISSING


@pytest.mark.skipif(not FILES.is_dir(), reason="the vendor's OpenAPI files are not here")
@pytest.mark.parametrize("name", RECORDED)
def test_what_is_there_is_answered_as_recorded(wire, world, name):
    (operation,) = [one for one in operations() if one.name == name]
    made = called(wire, operation, world)

    again = called(wire, operation, world)

    assert made.status_code == 201
    faults = operation.faults(again.status_code, json.loads(again.content))
    assert set(faults) == RECORDED[name][1]
    assert json.loads(again.content) == {"status": 200, "resourceId": "new@mail.example"}


@pytest.mark.skipif(not FILES.is_dir(), reason="the vendor's OpenAPI files are not here")
def test_every_operation_asks_for_the_levels_that_the_files_declare():
    ours = {
        (method, NAME.sub("{}", f"{bound.prefix}{path}").lower()): set(
            operation.view_func.demands.levels  # type: ignore[attr-defined]
        )
        for bound in api()._get_bound_routers()
        for path, view in bound.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }

    others = {
        one.name: found
        for one in operations()
        if (found := ours[one.method, NAME.sub("{}", one.path).lower()]) != one.levels
    }

    assert others == OWN_LEVELS


def is_same(fault: str, expected: set[str]) -> bool:
    """Say whether a fault follows from a correction: what the bare schema declares is missing."""
    return bool(expected) and fault.endswith("is missing")
