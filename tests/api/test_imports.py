"""ListImport over the wire."""

import base64
from typing import Any

import pytest

from accounts.tenancy import in_account
from contacts.actions.imports import run_import
from contacts.models import (
    Event,
    Import,
    Intake,
    Listener,
)
from tests.api.conftest import connect
from tests.factories import (
    ExternalEventFactory,
    ProfileFieldFactory,
    SubscriptionFactory,
)


def invalid(name):
    return (400, "ERROR_INVALID_PARAMETER", f"An invalid value was supplied for {name}.")


@pytest.fixture
def base(shop):
    return f"/email/v1/List/{shop.pk}"


@pytest.fixture
def field(acme, shop):
    with in_account(acme.pk):
        return ProfileFieldFactory.create(group__list=shop, name="Engaged", data_type="CheckBox")


def import_file(text, *columns, **change):
    """Return the body that the Shopware plug-in sends."""
    return {
        "fileDelimiter": ",",
        "fileMappings": [
            {"fileColumn": number, "fileColumnType": kind, **more}
            for number, (kind, more) in enumerate(columns)
        ],
        "fileName": "listrak_list_import.csv",
        "fileStream": base64.b64encode(text.encode()).decode(),
        "hasColumnNames": True,
        "importType": "AddSubscribersAndSegmentationData",
        "segmentationImportType": "Update",
        "suppressEmailNotifications": True,
        "textQualifier": '"',
        "triggerJourney": False,
        "includeUnsubscribed": False,
        **change,
    }


EMAIL: tuple[str, dict[str, Any]] = ("Email", {})


class TestListImport:
    def test_is_polled_until_it_is_done(self, wire, base, acme, shop, field, now):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop, name="Winback Check")
            SubscriptionFactory.create(list=shop, contact__email="ada@mail.example")
        body = import_file(
            f'mail,on?,event,id\r\ngrace@mail.example,on,"Winback Check, {event.pk}",C-1\r\n'
            "ada@mail.example,,,\r\nnobody,,,\r\n",
            EMAIL,
            ("SegmentationField", {"segmentationFieldId": field.pk}),
            ("Event", {}),
            ("ExternalContactID", {"defaultValue": "none"}),
        )

        made = wire.post(f"{base}/ListImport", body)["resourceId"]

        url = f"{base}/ListImport/{made}"
        assert isinstance(made, str)
        assert wire.get(f"{url}/Status")["status"] == "DataReadyForProcessing"
        run_import(int(made), now, account_id=acme.pk)
        status = wire.get(f"{url}/Status")
        assert list(status) == ["startDate", "endDate", "status"]
        assert (status["status"], status["endDate"]) == (
            "ProcessingCompleted",
            "2026-11-18T07:00:00",
        )
        assert wire.get(f"{url}/Summary") == {
            "alreadySubscribedCount": 1,
            "alreadyUnsubscribedCount": 0,
            "bannedCount": 0,
            "invalidEmailCount": 1,
            "previouslyUnsubscribedCount": 0,
            "processedCount": 3,
            "skippedCount": 0,
            "subscribedCount": 1,
            "suppressedCount": 0,
            "unsubscribedCount": 0,
        }
        shown = wire.get(f"{base}/Contact/grace@mail.example", segmentationFieldIds=field.pk)
        assert shown["externalContactID"] == "C-1"
        assert shown["segmentationFieldValues"][0]["value"] == "on"
        with in_account(acme.pk):
            assert Event.objects.filter(external_event_id=event.pk).count() == 2

    @pytest.mark.parametrize(("triggers", "told"), [(False, []), (True, ["subscribed"])])
    def test_starts_what_listens_for_it(self, wire, base, acme, shop, now, triggers, told):
        with in_account(acme.pk):
            event = ExternalEventFactory.create(list=shop)
            Listener.objects.create(conversation_id=7, list=shop, kind="subscribed")
            Listener.objects.create(
                conversation_id=7, list=shop, kind="external_event", external_event=event
            )
        text = f"mail,event\ngrace@mail.example,{event.pk}\n"
        body = import_file(text, EMAIL, ("Event", {}), triggerJourney=triggers)

        made = wire.post(f"{base}/ListImport", body)["resourceId"]
        run_import(int(made), now, account_id=acme.pk)

        with in_account(acme.pk):
            kinds = Intake.objects.order_by("id").values_list("kind", flat=True)
            assert list(kinds) == [*told, "external_event"]

    def test_is_listed(self, wire, base):
        made = wire.post(f"{base}/ListImport", import_file("mail\na@b.example\n", EMAIL))

        page = wire.page(f"{base}/ListImport", startDate="2010-01-01T00:00:00Z")
        assert page["nextPageCursor"] is None
        assert page["data"] == [wire.get(f"{base}/ListImport/{made['resourceId']}")]
        assert list(page["data"][0]) == ["importFileId", "importFileName", "importDate"]
        assert wire.get(f"{base}/ListImport", endDate="2010-01-01") == []

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"fileStream": "not base64!"}, "fileStream"),
            ({"fileStream": None}, "fileStream"),
            ({"fileStream": ""}, "fileStream"),
            ({"fileDelimiter": ",,"}, "fileDelimiter"),
            ({"importType": "Whatever"}, "importType"),
            ({"segmentationImportType": "Whatever"}, "segmentationImportType"),
            ({"fileMappings": []}, "fileMappings"),
            ({"fileMappings": [{"fileColumn": 7, "fileColumnType": "Email"}]}, "fileMappings"),
            ({"fileMappings": [{"fileColumn": 0, "fileColumnType": "Soul"}]}, "fileColumnType"),
            ({"fileMappings": [{"fileColumn": "x", "fileColumnType": "Email"}]}, "fileColumn"),
            (
                {
                    "fileMappings": [
                        {"fileColumn": 0, "fileColumnType": "Email"},
                        {
                            "fileColumn": 1,
                            "fileColumnType": "SegmentationField",
                            "segmentationFieldId": 999999,
                        },
                    ]
                },
                "fileMappings",
            ),
        ],
    )
    def test_names_what_is_wrong_and_keeps_nothing(self, wire, base, acme, change, name):
        body = import_file("mail,x\na@b.example,1\n", EMAIL, **change)

        status, error, message = wire.refused("POST", f"{base}/ListImport", body)

        assert (status, error) == invalid(name)[:2]
        assert message.startswith(invalid(name)[2])
        with in_account(acme.pk):
            assert not Import.objects.exists()

    def test_says_where_a_file_is_wrong(self, wire, base):
        body = import_file("mail,x,x\na@b.example,1,2\n", EMAIL)

        assert wire.refused("POST", f"{base}/ListImport", body)[2] == (
            "An invalid value was supplied for fileStream."
            " Line 1: the header names 'x' twice, in columns 2 and 3."
        )

    def test_takes_the_wrappers_empty_type_and_a_written_tab(self, wire, base):
        body = import_file(
            "a@b.example\tx\n",
            EMAIL,
            segmentationImportType="",
            fileDelimiter="\\t",
            hasColumnNames="False",
            textQualifier=None,
        )

        assert wire.post(f"{base}/ListImport/", body)["status"] == 201

    def test_asks_for_all_levels(self, acme, now, base):
        narrow = connect(acme, now, types=["email"], levels=["List", "Contact"])
        made = narrow.post(f"{base}/ListImport", import_file("m\na@b.example\n", EMAIL))

        url = f"{base}/ListImport/{made['resourceId']}"
        assert narrow.get(url)
        assert narrow.refused("GET", f"{url}/Status")[0] == 401
