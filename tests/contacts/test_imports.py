"""Contact files: who lands on the list with which profile, and what starts."""

from datetime import timedelta

import pytest

from contacts import actions
from contacts.imports.running import run_import
from contacts.models import (
    Contact,
    Event,
    Import,
    ImportReject,
    Intake,
    Listener,
    Subscription,
)
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SubscriptionFactory,
)

DAY = timedelta(days=1)


@pytest.fixture
def store(inside_acme, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return ListFactory(name="Store Customers")


@pytest.fixture
def field(store):
    """Make a field of the group Profile."""
    group = ProfileFieldGroupFactory(list=store, name="Profile")

    def field(name, data_type="Text", **settings):
        return ProfileFieldFactory(group=group, name=name, data_type=data_type, **settings)

    return field


@pytest.fixture
def load(store, now):
    """Import a file into the list, from beginning to end."""

    def load(text, *, at=now, columns=None, layout=None, chunk_records=50_000, **options):
        file = text if isinstance(text, bytes) else text.encode()
        imported = actions.create_import(
            kind="contacts",
            list=store,
            file_name="shoppers.csv",
            file=file,
            now=at,
            mapping={**(layout or {}), **({"columns": columns} if columns else {})},
            options=options,
        )
        actions.start_import(imported=imported, now=at)
        run_import(imported.pk, at, chunk_records=chunk_records)
        return Import.objects.get(pk=imported.pk)

    return load


def reasons(imported):
    rejects = ImportReject.objects.filter(imported=imported, severity="reject").order_by("line")
    return [(reject.line, reject.reason) for reject in rejects]


def emails():
    return sorted(Subscription.objects.values_list("contact__email_norm", flat=True))


def snapshot():
    """Return everything that an import may change, events left out."""
    return (
        sorted(Contact.objects.values_list()),
        sorted(map(str, Subscription.objects.values_list())),
    )


class TestImport:
    def test_subscribes_people_with_their_profiles(self, store, field, load, now):
        size, loyal = field("Shoe Size", "Numeric"), field("Loyal", "CheckBox")

        imported = load(
            "Email,First Name,Phone,Shoe Size,Profile.Loyal\n"
            "Grace@Mail.Example,Grace,(212) 555-0100,38.5,yes\n"
            "ada@mail.example,Ada,,,\n"
        )

        assert (imported.status, imported.failure) == ("ProcessingCompleted", "")
        grace = Subscription.objects.get(contact__email_norm="grace@mail.example")
        assert grace.profile == {str(size.pk): 38.5, str(loyal.pk): "on"}
        assert (grace.contact.first_name, grace.contact.phone_e164) == ("Grace", "+12125550100")
        assert (grace.state, grace.subscribed_at, grace.subscribe_method) == (
            "Subscribed",
            now,
            "Import",
        )
        single = actions.subscribe(list=store, email="GRACE@mail.example", method="Page", now=now)
        assert not single.created
        assert {name: imported.counts[name] for name in ("processed", "created", "subscribed")} == {
            "processed": 2,
            "created": 2,
            "subscribed": 2,
        }

    def test_the_same_file_twice_changes_nothing_but_raises_its_events_again(
        self, store, field, load, now
    ):
        field("Colour")
        event = ExternalEventFactory(list=store, name="Order Imported")
        text = (
            "email,colour,phone,event\ng@m.example,red,2125550100,Order Imported\na@m.example,,,\n"
        )
        load(text)
        before = snapshot()

        again = load(text, at=now + DAY)

        assert snapshot() == before
        assert (again.counts["unchanged"], again.counts["created"], again.counts["updated"]) == (
            2,
            0,
            0,
        )
        assert again.counts["already_subscribed"] == 2
        assert [raised.external_event_id for raised in Event.objects.all()] == [event.pk] * 2

    def test_starts_nothing_by_itself_but_the_events(self, store, field, load, now):
        field("Colour")
        event = ExternalEventFactory(list=store, name="Order Imported")
        for kind in ("subscribed", "resubscribed", "profile_updated", "import"):
            Listener.objects.create(conversation_id=7, list=store, kind=kind)
        Listener.objects.create(
            conversation_id=7, list=store, kind="external_event", external_event=event
        )

        load("email,colour,event\ng@m.example,red,order imported\n")

        assert list(Intake.objects.values_list("kind", flat=True)) == ["external_event"]
        assert Intake.objects.get().subscription_id == Subscription.objects.get().pk

    def test_starts_conversations_when_asked(self, store, field, load, now):
        colour = field("Colour")
        for kind in ("subscribed", "resubscribed", "profile_updated", "import"):
            Listener.objects.create(conversation_id=7, list=store, kind=kind)
        SubscriptionFactory(
            list=store,
            contact=ContactFactory(email="old@m.example"),
            profile={str(colour.pk): "red"},
        )
        SubscriptionFactory(
            list=store,
            contact=ContactFactory(email="same@m.example"),
            profile={str(colour.pk): "red"},
        )
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="left@m.example"), state="Unsubscribed"
        )

        load(
            "email,colour\nnew@m.example,\nold@m.example,blue\nsame@m.example,red\nleft@m.example,red\n",
            start_conversations=True,
        )

        people = dict(Contact.objects.values_list("pk", "email_norm"))
        queued = [(fact.kind, people[fact.contact_id]) for fact in Intake.objects.order_by("id")]
        assert sorted(queued) == [
            ("import", "new@m.example"),
            ("import", "old@m.example"),
            ("import", "same@m.example"),
            ("profile_updated", "old@m.example"),
            ("subscribed", "new@m.example"),
        ]
        updated = Intake.objects.get(kind="profile_updated")
        assert updated.properties == {"fields": [str(colour.pk)]}

    def test_agrees_with_the_single_form_about_facts(self, store, field, load, now):
        field("Colour")
        for kind in ("subscribed", "profile_updated"):
            Listener.objects.create(conversation_id=7, list=store, kind=kind)

        load("email,colour\nnew@m.example,red\n", start_conversations=True)

        assert list(Intake.objects.order_by("id").values_list("kind", flat=True)) == [
            "subscribed",
            "profile_updated",
        ]

    @pytest.mark.parametrize(
        "cell", ["{0}", "Order Imported", "order imported", "{0},{1}", '"{0}, Lapsed, Check"', ""]
    )
    def test_events_are_ids_or_names_separated_by_commas(self, store, load, cell):
        first = ExternalEventFactory(list=store, name="Order Imported")
        second = ExternalEventFactory(list=store, name="Lapsed, Check")
        ExternalEventFactory(list=store, name="Lapsed")
        ExternalEventFactory(list=store, name="Check")
        text = cell.format(first.pk, second.pk)
        if "," in text and not text.startswith('"'):
            text = f'"{text}"'

        imported = load(f"email,event\ng@m.example,{text}\n")

        count = 0 if not cell else 1 + cell.count(",")
        assert (reasons(imported), imported.counts["events"]) == ([], count)
        assert Event.objects.count() == count

    def test_one_person_on_several_lines_is_one_contact_and_each_line_raises(
        self, store, field, load
    ):
        colour, size = field("Colour"), field("Size", "Numeric")
        ExternalEventFactory(list=store, name="Check")

        imported = load(
            "email,colour,size,event\n"
            "g@m.example,red,,Check\nG@m.example,,38,Check\n g@m.example ,blue,,Check\n"
        )

        assert Subscription.objects.get().profile == {str(colour.pk): "blue", str(size.pk): 38}
        assert Event.objects.count() == 3
        counts = imported.counts
        assert (counts["subscribed"], counts["already_subscribed"]) == (1, 2)
        assert (counts["processed"], counts["rejected"]) == (3, 0)

    def test_identifiers_of_two_contacts_warn_and_the_email_wins(self, store, load):
        other = ContactFactory(phone_e164="+12125550100")

        imported = load("email,phone\ng@m.example,2125550100\nh@m.example,2125550101\n")

        grace = Contact.objects.get(email_norm="g@m.example")
        other.refresh_from_db()
        assert (grace.phone_e164, other.phone_e164) == ("", "+12125550100")
        warning = ImportReject.objects.get(imported=imported)
        assert (warning.line, warning.severity, warning.reason) == (
            2,
            "warning",
            "identifiers of two contacts",
        )
        assert (imported.counts["warnings"], imported.counts["rejected"]) == (1, 0)

    def test_a_row_without_an_email_is_found_by_customer_number(self, store, field, load):
        colour = field("Colour")
        ContactFactory(email="g@m.example", external_id="17")

        imported = load(
            "email,customer number,colour\n,17,red\n,18,blue\nh@m.example,19,green\n,19,pink\n"
        )

        profiles = dict(Subscription.objects.values_list("contact__email_norm", "profile"))
        assert profiles == {
            "g@m.example": {str(colour.pk): "red"},
            "h@m.example": {str(colour.pk): "pink"},
        }
        assert [line for line, _ in reasons(imported)] == [3]
        assert not Contact.objects.filter(external_id="18").exists()

    def test_the_external_id_belongs_to_the_subscription(self, store, load):
        load("email,external id\ng@m.example,E1\nh@m.example,E1\n")

        assert set(Subscription.objects.values_list("external_contact_id", flat=True)) == {"E1"}
        assert set(Contact.objects.values_list("external_id", flat=True)) == {""}


class TestImportTypes:
    @pytest.fixture
    def people(self, store):
        for state in ("Subscribed", "Unsubscribed", "Pending"):
            SubscriptionFactory(
                list=store, contact=ContactFactory(email=f"{state.lower()}@m.example"), state=state
            )
        ContactFactory(email="elsewhere@m.example")

    FILE = (
        "email,colour\nsubscribed@m.example,red\nunsubscribed@m.example,red\n"
        "pending@m.example,red\nelsewhere@m.example,red\nstranger@m.example,red\n"
    )

    @pytest.mark.parametrize(
        ("import_type", "include", "coloured", "counts"),
        [
            (
                "AddSubscribersAndSegmentationData",
                False,
                {"subscribed", "pending", "elsewhere", "stranger"},
                {"subscribed": 2, "already_subscribed": 2, "previously_unsubscribed": 1},
            ),
            (
                "AddSubscribers",
                False,
                set(),
                {"subscribed": 2, "already_subscribed": 2, "previously_unsubscribed": 1},
            ),
            (
                "UpdateSubscribers",
                False,
                {"subscribed", "pending"},
                {
                    "subscribed": 0,
                    "already_subscribed": 2,
                    "previously_unsubscribed": 1,
                    "skipped": 2,
                },
            ),
            (
                "UpdateSubscribers",
                True,
                {"subscribed", "pending", "unsubscribed"},
                {
                    "subscribed": 0,
                    "already_subscribed": 2,
                    "previously_unsubscribed": 1,
                    "skipped": 2,
                },
            ),
        ],
    )
    def test_takes_profiles_of_whom_the_type_means(
        self, field, load, people, import_type, include, coloured, counts
    ):
        colour = field("Colour")

        imported = load(self.FILE, import_type=import_type, include_unsubscribed=include)

        found = {
            subscription.contact.email_norm.partition("@")[0]
            for subscription in Subscription.objects.select_related("contact")
            if subscription.profile == {str(colour.pk): "red"}
        }
        assert found == coloured
        assert {name: imported.counts[name] for name in counts} == counts
        states = dict(Subscription.objects.values_list("contact__email_norm", "state"))
        assert states["unsubscribed@m.example"] == "Unsubscribed"
        assert states["pending@m.example"] == "Pending"
        assert Contact.objects.filter(email_norm="stranger@m.example").exists() == (
            import_type != "UpdateSubscribers"
        )

    def test_removes_subscribers(self, field, load, people, now):
        field("Colour")

        imported = load(self.FILE, import_type="RemoveSubscribers")

        assert set(Subscription.objects.values_list("state", flat=True)) == {"Unsubscribed"}
        left = Subscription.objects.get(contact__email_norm="subscribed@m.example")
        assert (left.unsubscribed_at, left.profile) == (now, {})
        counts = imported.counts
        assert (counts["unsubscribed"], counts["already_unsubscribed"], counts["skipped"]) == (
            2,
            1,
            2,
        )

    @pytest.mark.parametrize(
        ("update_type", "expected"),
        [
            ("Update", {"Colour": "blue", "Note": "old", "Size": 40}),
            ("Append", {"Colour": "red,blue", "Note": "old", "Size": 40}),
            ("Overwrite", {"Colour": "blue", "Size": 40}),
        ],
    )
    def test_meets_stored_values_by_update_type(self, store, field, load, update_type, expected):
        fields = {
            "Colour": field("Colour"),
            "Note": field("Note"),
            "Size": field("Size", "Numeric"),
        }
        keys = {name: str(found.pk) for name, found in fields.items()}
        SubscriptionFactory(
            list=store,
            contact=ContactFactory(email="g@m.example"),
            profile={keys["Colour"]: "red", keys["Note"]: "old", keys["Size"]: 38},
        )
        text = "email,colour,note,size\ng@m.example,blue,,40\n"

        load(text, update_type=update_type)
        imported = load(text, update_type=update_type)

        assert Subscription.objects.get().profile == {
            keys[name]: value for name, value in expected.items()
        }
        assert imported.counts["updated"] == 0

    def test_appending_stops_at_the_fields_length(self, store, field, load):
        colour = field("Colour", max_length=10)
        SubscriptionFactory(
            list=store, contact=ContactFactory(email="g@m.example"), profile={str(colour.pk): "red"}
        )

        load("email,colour\ng@m.example,blue\ng@m.example,green\n", update_type="Append")

        assert Subscription.objects.get().profile == {str(colour.pk): "red,blue"}
