"""Who is inside: found page by page, let in, moved on, ended."""

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations.models import Enrollment
from contacts.actions.segments import create_segment
from contacts.models import Contact, Intake, Segment
from tests.engine.world import World

pytestmark = pytest.mark.django_db

PAUSE = "{key: pause, wait: {for: P3D}}"


@pytest.fixture
def conversation(acme, now):
    """A conversation in which Grace waits; Ada is on the list, Friends is a segment."""
    with in_account(acme.pk):
        world = World(now)
        made = world.live(PAUSE)
        made.refresh_from_db()
        world.happen(world.person(email="grace@mail.example"))
        world.person(email="ada@mail.example")
        create_segment(list=made.list, name="Friends", kind="manual", now=now)
        world.tick()
    return made


@pytest.fixture
def address(acme, conversation):
    """Return a function that names a page of the conversation."""
    args = [acme.slug, conversation.list_id, conversation.pk]
    return lambda name="people": reverse(f"conversations:{name}", args=args)


class TestPeople:
    def test_shows_who_waits_at_a_step(self, client, ben, address):
        client.force_login(ben)

        page = client.get(f"{address()}?step=pause")

        assert "grace@mail.example" in page.content.decode()
        assert page.context["count"] == 1

    @pytest.mark.parametrize(
        ("asked", "found"),
        [("Grace@Mail.example", 1), ("ada@mail.example", 0), ("not an address", 0)],
    )
    def test_finds_somebody_by_address(self, client, ben, address, asked, found):
        client.force_login(ben)

        page = client.get(address(), {"q": asked})

        assert len(page.context["rows"]) == found
        assert ("Nobody inside has this address." in page.content.decode()) is (not found)

    def test_goes_on_where_a_page_ends(self, client, ben, acme, conversation, address, now):
        with in_account(acme.pk):
            grace = Enrollment.objects.get()
            for place in range(1, 60):
                grace.pk, grace.subscription_id = None, grace.subscription_id + 100
                grace.contact_id += place
                grace.save(force_insert=True)
        client.force_login(ben)

        first = client.get(address())
        second = client.get(address() + first.context["next_url"])

        shown = [row["enrollment"].pk for page in (first, second) for row in page.context["rows"]]
        assert (len(shown), len(set(shown))) == (60, 60)
        assert second.context["next_url"] == ""

    def test_reads_neither_all_contacts_nor_programs(
        self, client, ben, address, django_assert_max_num_queries
    ):
        client.force_login(ben)
        client.get(address())

        with django_assert_max_num_queries(40) as asked:
            client.get(address())

        of_people = [one["sql"] for one in asked if "conversations_enrollment" in one["sql"]]
        of_versions = [one["sql"] for one in asked if 'FROM "conversations_version"' in one["sql"]]
        assert all("LIMIT 51" in one for one in of_people)
        assert not any("program" in one for one in of_versions)


class TestMove:
    def test_moves_one_of_them_on(self, client, mia, acme, address):
        client.force_login(mia)
        with in_account(acme.pk):
            grace = Enrollment.objects.get()

        client.post(
            address("move_people"), {"enrollment": grace.pk, "step": "pause", "act": "move"}
        )

        with in_account(acme.pk):
            assert Enrollment.objects.get().told == "next"

    def test_comes_back_to_any_step_that_was_shown(self, client, mia, address):
        client.force_login(mia)

        answer = client.post(
            f"{address('move_people')}?step=a%26b%3Dc%0D%0AX%3A+y",
            {"enrollment": "1", "step": "pause", "act": "move"},
        )

        assert answer.headers["Location"].endswith("?step=a%26b%3Dc%0D%0AX%3A+y")

    @pytest.mark.parametrize(
        ("paused", "said", "badge"),
        [
            (False, " leaves Conversation", "About to end"),
            (True, ", once it is resumed.", "Ends when resumed"),
        ],
    )
    def test_says_who_ends_and_comes_back_to_what_was_searched(
        self, client, mia, acme, conversation, address, now, paused, said, badge
    ):
        client.force_login(mia)
        with in_account(acme.pk):
            grace = Enrollment.objects.get()
            conversation.name = "Conversation"
            conversation.paused_at = now if paused else None
            conversation.save()
        shown = client.get(address(), {"q": "grace@mail.example", "step": "pause"})

        answer = client.post(
            shown.context["move_one_url"],
            {"enrollment": grace.pk, "step": "pause", "act": "end"},
            follow=True,
        )

        text = answer.content.decode()
        assert f'id="end-{grace.pk}"' in shown.content.decode()
        assert answer.redirect_chain[-1][0].endswith("?q=grace%40mail.example&step=pause")
        assert said in text
        assert badge in text
        assert f'id="end-{grace.pk}"' not in text

    def test_comes_back_to_the_contact_that_was_shown(
        self, client, mia, acme, conversation, address
    ):
        client.force_login(mia)
        with in_account(acme.pk):
            grace = Enrollment.objects.get()
        page = reverse("desk:contact", args=[acme.slug, conversation.list_id, grace.contact_id])

        before = client.get(page).content.decode()
        answer = client.post(
            address("move_people"),
            {"enrollment": grace.pk, "step": "pause", "act": "skip", "back": "contact"},
        )
        after = client.get(page).content.decode()

        assert (answer.status_code, answer.headers["Location"]) == (302, page)
        assert ("Skip wait" in before, "Skip wait" in after) == (True, False)
        assert "About to move" in after

    def test_skips_the_wait_of_everybody_at_a_step(self, client, mia, acme, address):
        client.force_login(mia)

        answer = client.post(address("move_people"), {"step": "pause", "act": "skip"})

        assert answer.status_code == 302
        with in_account(acme.pk):
            assert Enrollment.objects.get().told == "next"

    def test_keeps_what_was_chosen_where_nobody_is_meant(self, client, mia, acme, address):
        client.force_login(mia)

        answer = client.post(address("move_people"), {"act": "end"}, headers={"HX-Request": "true"})

        page = answer.content.decode()
        assert answer.status_code == 422
        assert "<html" not in page
        assert "Choose a step or a segment." in page
        assert '<option value="end" selected>' in page
        with in_account(acme.pk):
            assert Enrollment.objects.get().told == ""


class TestEnter:
    def test_lets_somebody_in(self, client, mia, acme, address):
        client.force_login(mia)

        answer = client.post(
            address("enter_people"),
            {"email": "ada@mail.example", "thread": "Main"},
            headers={"HX-Request": "true"},
        )

        assert answer.headers["HX-Redirect"] == address()
        with in_account(acme.pk):
            ada = Contact.objects.get(email="ada@mail.example")
            assert Intake.objects.get().contact_id == ada.pk

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"email": "nobody@mail.example"}, "enter-email", "Nobody here has the address"),
            ({"email": "no address"}, "enter-email", "address"),
            ({}, "enter-email", "Give an email address or choose a segment."),
            ({"segment": "Friends"}, "enter-segment", "Nobody of them is on"),
        ],
    )
    def test_keeps_what_was_typed_and_says_what_is_wrong_beside_it(
        self, client, mia, acme, address, given, field, said
    ):
        client.force_login(mia)
        if "segment" in given:
            with in_account(acme.pk):
                given = {"segment": Segment.objects.get().pk}

        answer = client.post(address("enter_people"), {**given, "thread": "Main"})

        page = answer.content.decode()
        assert answer.status_code == 422
        assert 'id="enter" aria-labelledby="enter-h" data-open-now' in page
        assert f'aria-describedby="{field}_error"' in page
        assert said in page
        if "email" in given:
            assert f'value="{given["email"]}"' in page

    def test_is_a_page_of_its_own(self, client, mia, address):
        client.force_login(mia)

        page = client.get(address("enter_people"))

        assert page.status_code == 200
        assert 'aria-labelledby="enter-h" data-open-now' in page.content.decode()


@pytest.mark.parametrize("name", ["move_people", "enter_people"])
def test_a_viewer_changes_nothing(client, ben, address, name):
    client.force_login(ben)

    assert client.post(address(name)).status_code == 403


@pytest.mark.parametrize("name", ["people", "move_people", "enter_people"])
def test_nothing_is_there_for_a_stranger(client, zoe, address, name):
    client.force_login(zoe)

    answer = client.get(address(name)) if name == "people" else client.post(address(name))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("a/acme-shoes/lists/1/segments/new-by-hand/", "/a/acme-shoes/lists/1/segments/"),
        ("a/acme-shoes/lists/1/segments/7/members/add/", "/a/acme-shoes/lists/1/segments/7/"),
        (
            "a/acme-shoes/lists/1/conversations/2/threads/new/",
            "/a/acme-shoes/lists/1/conversations/2/",
        ),
        ("a/acme-shoes/lists/1/sandbox/replies/", "/a/acme-shoes/lists/1/sandbox/"),
    ],
)
def test_looking_at_what_a_form_sends_to_leads_to_its_page(client, form, page):
    answer = client.get(f"/{form}")

    assert (answer.status_code, answer.headers["Location"]) == (302, page)
