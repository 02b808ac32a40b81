"""The builder: threads, steps, problems, publication."""

import re

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations import actions
from conductor.conversations.models import Conversation, Enrollment, Tally, Version
from tests.factories import (
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SmsMessageFactory,
    SubscriptionFactory,
)


@pytest.fixture
def customers(acme):
    """A list with all that the Winback thread names."""
    with in_account(acme.pk):
        customers = ListFactory.create(name="Store Customers")
        ExternalEventFactory.create(list=customers, name="Order Imported")
        group = ProfileFieldGroupFactory.create(list=customers, name="Profile")
        ProfileFieldFactory.create(group=group, name="Mobile", data_type="Text")
        ProfileFieldFactory.create(group=group, name="Born", data_type="Date")
        ProfileFieldFactory.create(group=group, name="Points", data_type="Numeric")
        code = ShortCodeFactory.create(code="54321", email_list=customers)
        ShortCodeFactory.create(code="99999", email_list=customers, message_types=["Marketing"])
        phones = PhoneListFactory.create(short_code=code, name="Transactional")
        SmsMessageFactory.create(phone_list=phones, name="Winback text")
        SavedMessageFactory.create(list=customers, name="We miss you")
        SubscriptionFactory.create(list=customers, contact__first_name="Grace")
        return customers


@pytest.fixture
def drawn(acme, customers, client, mia):
    """A conversation with one thread, Winback, as mia created it."""
    client.force_login(mia)
    client.post(
        reverse("conversations:new_conversation", args=["acme-shoes", customers.pk]),
        {"name": "Post Purchase", "description": "", "thread": "Winback"},
    )
    with in_account(acme.pk):
        return Conversation.objects.get()


class Drawer:
    """Clicks through the builder of a conversation."""

    def __init__(self, client, conversation):
        self.client, self.conversation = client, conversation

    def url(self, name, /, *args):
        return reverse(
            f"conversations:{name}",
            args=["acme-shoes", self.conversation.list_id, self.conversation.pk, *args],
        )

    def fresh(self):
        with in_account(self.conversation.account_id):
            return Conversation.objects.get(pk=self.conversation.pk)

    def steps(self):
        return self.fresh().draft["threads"][0]["steps"]

    def key(self, kind):
        return next(step["key"] for step in self.steps() if kind in step)

    def post(self, name, /, *args, **data):
        data.setdefault("revision", self.fresh().revision)
        return self.client.post(self.url(name, *args), data)

    def add(self, kind, after):
        response = self.post("add_step", "winback", after, kind=kind)
        assert response.status_code == 302
        return response.headers["Location"].rstrip("/").rpartition("/")[2]

    def update(self, key, /, **data):
        return self.post("step", "winback", key, **data)


@pytest.fixture
def drawer(client, drawn):
    return Drawer(client, drawn)


MOBILE = {
    "kind": "Transactional",
    "short_code": "54321",
    "phone_list": "Transactional",
    "sms_message": "Winback text",
    "phone_field": "Profile.Mobile",
    "invalid_number": "pass",
}


def draw_winback(drawer):
    """Draw the whole Winback thread; return the keys in order."""
    start = drawer.key("trigger")
    drawer.update(start, kind="external_event", events=["Order Imported"])
    lapsed = drawer.add("filter", start)
    drawer.update(lapsed, rule="not: {purchase: {within: P60D}}", name="No order for 60 days")
    text = drawer.add("mobile_message", lapsed)
    drawer.update(text, **MOBILE)
    pause = drawer.add("wait", text)
    drawer.update(pause, mode="for", amount="3", unit="days")
    mail = drawer.add("message", pause)
    drawer.update(mail, saved_message="We miss you", commit="latest")
    return [start, lapsed, text, pause, mail]


class TestBuilder:
    def test_draws_and_publishes_the_winback_thread(self, drawer):
        keys = draw_winback(drawer)

        assert [step["key"] for step in drawer.steps()][:5] == keys
        assert [next(k for k in step if k not in {"key", "name"}) for step in drawer.steps()] == [
            "trigger", "filter", "mobile_message", "wait", "message", "terminate",
        ]  # fmt: skip
        assert drawer.client.get(drawer.url("problems")).text.count("data-problem") == 0

        response = drawer.post("publication")

        assert response.status_code == 302
        assert drawer.fresh().published_id is not None

    def test_shows_problems_at_their_steps_and_counts_them(self, drawer):
        key = drawer.add("mobile_message", drawer.key("trigger"))

        text = drawer.client.get(drawer.url("thread", "winback")).text

        assert "problems</a>" in text
        assert text.count("step-problem") >= 2
        assert f'id="step-{key}"' in text

    def test_a_draft_with_problems_is_not_published(self, drawer):
        response = drawer.post("publication")

        assert response.status_code == 422
        assert "to solve first" in response.text
        assert drawer.fresh().published_id is None

    def test_every_panel_opens_and_keeps_what_was_written(self, drawer):
        for key in draw_winback(drawer):
            response = drawer.client.get(drawer.url("step", "winback", key))
            assert response.status_code == 200
            assert "Update</button>" in response.text

        text = drawer.client.get(drawer.url("step", "winback", drawer.key("wait"))).text

        assert 'name="amount" value="3"' in text

    @pytest.mark.parametrize(
        ("kind", "form", "settings"),
        [
            ("wait", {"mode": "for", "amount": "2", "unit": "weeks"}, {"for": "P2W"}),
            ("wait", {"mode": "for", "amount": "90", "unit": "minutes"}, {"for": "PT90M"}),
            ("wait", {"mode": "for", "amount": "P1DT6H", "unit": "iso"}, {"for": "P1DT6H"}),
            ("wait", {"mode": "until", "until": "2027-01-05T09:00", "time_zone": "contact"},
             {"until": "2027-01-05T09:00", "time_zone": "contact"}),
            ("wait", {"mode": "until_field", "field": "Profile.Born", "offset": "-3", "at": "09:00",
                      "year": "next_occurrence"},
             {"until_field": {"field": "Profile.Born", "offset": "-P3D", "at": "09:00",
                              "year": "next_occurrence"}}),
            ("action", {"act": "set", "field": "Profile.Points", "value": "5"},
             {"set_field": {"field": "Profile.Points", "value": 5}}),
            ("action", {"act": "clear", "field": "Profile.Mobile"},
             {"set_field": {"field": "Profile.Mobile", "value": None}}),
            ("action", {"act": "copy", "field": "Profile.Mobile", "from_field": "Profile.Points"},
             {"set_field": {"field": "Profile.Mobile", "value": {"from_field": "Profile.Points"}}}),
            ("action", {"act": "set_date", "field": "Profile.Born", "offset": "2", "of": "entry"},
             {"set_date": {"field": "Profile.Born", "offset": "P2D", "of": "entry"}}),
            ("terminate", {"goal": "on"}, {"goal": True}),
            ("filter", {"rule": '{"field": "Profile.Points", "at_least": 3}'},
             {"field": "Profile.Points", "at_least": 3}),
        ],
    )  # fmt: skip
    def test_a_panel_writes_and_reads_back(self, drawer, kind, form, settings):
        key = drawer.add(kind, drawer.key("trigger"))

        response = drawer.update(key, **form)

        assert response.status_code == 302, re.findall(r'class="field-error.*', response.text)
        (step,) = [step for step in drawer.steps() if step["key"] == key]
        assert step[kind] == settings
        opened = drawer.client.get(drawer.url("step", "winback", key)).context["form"]
        again = {name: opened[name].value() for name in form if name != "rule"}
        drawer.update(key, **{**form, **{k: "" if v is None else v for k, v in again.items()}})
        assert [one for one in drawer.steps() if one["key"] == key] == [step]

    @pytest.mark.parametrize(
        ("kind", "form", "field"),
        [
            ("wait", {"mode": "for", "amount": "soon", "unit": "days"}, "amount"),
            ("wait", {"mode": "for", "amount": "9", "unit": "years"}, "amount"),
            ("wait", {"mode": "until", "until": "tomorrow"}, "until"),
            ("wait", {"mode": "for", "amount": "1", "unit": "days", "time_zone": "Mars"},
             "time_zone"),
            ("filter", {"rule": "purchase: {within: 3 days}"}, "rule"),
            ("filter", {"rule": "{"}, "rule"),
            ("mobile_message", {**MOBILE, "text": "x" * 1601}, "text"),
            ("mobile_message", {**MOBILE, "media_url": "no address"}, "media_url"),
        ],
    )  # fmt: skip
    def test_a_wrong_form_is_answered_with_itself(self, drawer, kind, form, field):
        key = drawer.add(kind, drawer.key("trigger"))
        before = drawer.fresh().draft

        response = drawer.update(key, **form)

        assert response.status_code == 422
        assert field in response.context["form"].errors
        assert drawer.fresh().draft == before

    def test_an_old_page_changes_nothing(self, drawer):
        key = drawer.add("wait", drawer.key("trigger"))
        before = drawer.fresh()

        response = drawer.update(
            key, mode="for", amount="3", unit="days", revision=before.revision - 1
        )

        assert response.status_code == 422
        assert "Somebody changed" in response.text
        assert drawer.fresh().draft == before.draft

    def test_a_removed_step_comes_back(self, drawer):
        key = drawer.add("wait", drawer.key("trigger"))
        drawer.update(key, mode="for", amount="3", unit="days")

        response = drawer.client.post(
            drawer.url("remove_step", "winback", key),
            {"revision": drawer.fresh().revision},
            follow=True,
        )
        assert key not in [step["key"] for step in drawer.steps()]
        assert drawer.url("undo") in response.text
        drawer.post("undo")

        assert key in [step["key"] for step in drawer.steps()]

    def test_steps_move(self, drawer):
        start = drawer.key("trigger")
        second = drawer.add("wait", start)
        first = drawer.add("filter", start)

        drawer.post("move_step", "winback", first, way="down")
        assert [step["key"] for step in drawer.steps()][1:3] == [second, first]
        drawer.post("move_step", "winback", first, way="up")
        drawer.post("move_step", "winback", first, way="up")

        assert [step["key"] for step in drawer.steps()][:3] == [start, first, second]

    def test_an_exit_leads_elsewhere(self, drawer):
        start = drawer.key("trigger")
        pause = drawer.add("wait", start)
        chosen = drawer.add("filter", start)

        drawer.update(chosen, rule="purchase: {}", exit_otherwise=pause)

        (step,) = [step for step in drawer.steps() if step["key"] == chosen]
        assert step["exits"] == {"otherwise": pause}
        text = drawer.client.get(drawer.url("thread", "winback")).text
        assert f'data-target-step="{pause}"' not in text  # it is the next step anyway

    def test_threads_are_added_renamed_and_removed(self, drawer):
        drawer.post("new_thread", name="Thank you")
        drawer.post("new_thread", name="Thank  you!")
        drawer.post("rename_thread", "thank-you", name="Thanks")

        names = [thread["thread"] for thread in drawer.fresh().draft["threads"]]
        assert names == ["Winback", "Thanks", "Thank you!"]
        assert drawer.client.get(drawer.url("thread", "thanks")).status_code == 200
        drawer.post("remove_thread", "thank-you")
        assert len(drawer.fresh().draft["threads"]) == 2

    def test_the_chooser_finds_steps_by_their_other_names(self, drawer):
        text = drawer.client.get(drawer.url("chooser", "winback", drawer.key("trigger"))).text

        for label in ("Message Step", "Mobile Step", "Wait Step", "Go To", "Action", "Filter"):
            assert label in text
        assert "Delay" in text
        assert "Connector" in text
        assert "Workflow to Enroll" in text

    def test_only_transactional_short_codes_go_with_a_transactional_message(self, drawer):
        key = drawer.add("mobile_message", drawer.key("trigger"))

        text = drawer.client.get(drawer.url("step", "winback", key)).text

        options = dict(re.findall(r'<option value="(\d{5})" data-with="([^"]*)"', text))
        assert "Transactional" in options["54321"]
        assert "Transactional" not in options["99999"]

    def test_phones_show_the_text_for_a_contact(self, drawer, acme):
        key = drawer.add("mobile_message", drawer.key("trigger"))
        with in_account(acme.pk):
            contact = drawer.conversation.list.subscriptions.get().contact_id

        text = drawer.post(
            "preview_step",
            "winback",
            key,
            **{**MOBILE, "contact": contact, "text": "Hi {{ contact.first_name }}!"},
        ).text

        assert "Hi Grace!" in text
        assert "Lock screen" in text
        assert "Message screen" in text

    def test_a_mail_shows_in_a_frame_of_its_own(self, drawer):
        key = drawer.add("message", drawer.key("trigger"))
        drawer.update(key, saved_message="We miss you", commit="latest")

        page = drawer.post("preview_step", "winback", key, saved_message="We miss you").text
        mail = drawer.client.get(drawer.url("step_mail", "winback", key))

        assert "Come back" in page
        assert "Grace" in mail.text
        assert "sandbox" in mail.headers["Content-Security-Policy"]

    def test_says_what_differs_and_who_is_inside(self, drawer):
        keys = draw_winback(drawer)
        drawer.post("publication")
        drawer.update(keys[3], mode="for", amount="5", unit="days")
        drawer.add("terminate", keys[4])

        text = drawer.client.get(drawer.url("publication")).text

        assert "<del>Wait 3 days</del>" in text
        assert "<ins>Wait 5 days</ins>" in text
        assert "Added" in text
        assert "Nobody is inside" in text
        assert "version 2" in text
        published = drawer.client.get(drawer.url("thread", "winback") + "?view=published").text
        assert "Wait 3 days" in published
        drawer.post("discard")
        assert drawer.client.get(drawer.url("differences")).text.count("<del>") == 0

    def test_pauses_and_resumes(self, drawer):
        draw_winback(drawer)
        drawer.post("publication")

        drawer.post("pause")
        assert drawer.fresh().paused_at is not None
        drawer.post("resume")

        assert drawer.fresh().paused_at is None

    def test_numbers_are_live(self, drawer):
        draw_winback(drawer)
        drawer.post("publication")

        text = drawer.client.get(drawer.url("counts", "winback")).text

        assert text.count('hx-swap-oob="true"') == 6
        assert "waiting" in text

    def test_settings_change(self, drawer):
        response = drawer.post(
            "settings",
            name="Post  Purchase 2",
            description="Back",
            reentry="after",
            after="P90D",
            time_zone="named",
            zone="Europe/Berlin",
            expires="2027-01-01T00:00",
        )

        assert response.status_code == 302
        draft = drawer.fresh().draft
        assert draft["conversation"] == "Post Purchase 2"
        assert draft["reentry"] == {"after": "P90D"}
        assert draft["time_zone"] == "Europe/Berlin"
        assert draft["expires"] == "2027-01-01T00:00:00"
        bad = drawer.post("settings", name="x", reentry="after", after="soon", time_zone="account")
        assert bad.status_code == 422

    def test_a_moment_with_an_offset_is_shown_by_the_accounts_clock(self, drawer, acme):
        with in_account(acme.pk):
            draft = {**drawer.fresh().draft, "expires": "2027-01-01T05:00:00Z"}
            Conversation.objects.update(draft=draft)

        text = drawer.client.get(drawer.url("settings")).text

        assert 'value="2027-01-01T00:00:00"' in text

    def test_pages_hold_nothing_inline(self, drawer):
        keys = draw_winback(drawer)
        drawer.post("publication")
        pages = [drawer.url("thread", "winback"), drawer.url("settings"), drawer.url("publication"),
                 drawer.url("problems"), drawer.url("differences"),
                 *(drawer.url("step", "winback", key) for key in keys)]  # fmt: skip

        for page in pages:
            text = drawer.client.get(page).text
            assert re.search(r"<script(?![^>]*\ssrc=)", text) is None, page
            assert re.search(r"\s(style|on[a-z]+)=", text) is None, page


class TestListing:
    def test_lists_status_and_counts(self, drawer):
        draw_winback(drawer)
        drawer.post("publication")
        page = reverse(
            "conversations:conversations", args=["acme-shoes", drawer.conversation.list_id]
        )

        text = drawer.client.get(page).text

        assert "Post Purchase" in text
        assert "Active" in text
        assert "Winback" in text

    def test_copies_exports_and_brings_back(self, drawer):
        draw_winback(drawer)
        list_id = drawer.conversation.list_id

        drawer.post("duplicate")
        file = drawer.client.get(drawer.url("export"))
        as_json = drawer.client.get(drawer.url("export") + "?format=json")

        assert "conversation: Post Purchase" in file.text
        assert as_json.headers["Content-Type"].startswith("application/json")
        with in_account(drawer.conversation.account_id):
            assert Conversation.objects.filter(name="Copy of Post Purchase").exists()

        from django.core.files.uploadedfile import SimpleUploadedFile

        other = file.content.replace(b"conversation: Post Purchase", b"conversation: Other")
        response = drawer.client.post(
            reverse("conversations:import_conversation", args=["acme-shoes", list_id]),
            {"file": SimpleUploadedFile("other.yaml", other)},
        )
        assert response.status_code == 302
        with in_account(drawer.conversation.account_id):
            assert Conversation.objects.filter(name="Other").exists()

    def test_a_malformed_file_is_told_with_its_places(self, client, mia, customers):
        from django.core.files.uploadedfile import SimpleUploadedFile

        client.force_login(mia)
        bad = (
            b"conversation: X\nthreads:\n  - thread: T\n    steps: [{key: a, wait: {for: soon}}]\n"
        )

        response = client.post(
            reverse("conversations:import_conversation", args=["acme-shoes", customers.pk]),
            {"file": SimpleUploadedFile("bad.yaml", bad)},
        )

        assert response.status_code == 422
        assert "threads[0].steps[0].wait.for" in response.text

    def test_only_a_draft_is_deleted(self, drawer, acme):
        draw_winback(drawer)
        drawer.post("publication")

        drawer.post("delete")
        with in_account(acme.pk):
            assert Version.objects.exists()
            kept = Conversation.objects.get()
            copy = actions.duplicate_conversation(conversation=kept, now=kept.created_at, by=None)
        Drawer(drawer.client, copy).post("delete")

        with in_account(acme.pk):
            assert list(Conversation.objects.all()) == [kept]

    def test_a_taken_name_is_refused(self, drawer, mia):
        response = drawer.client.post(
            reverse(
                "conversations:new_conversation", args=["acme-shoes", drawer.conversation.list_id]
            ),
            {"name": "Post Purchase", "thread": "A"},
        )

        assert response.status_code == 422


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


class TestHeld:
    @pytest.fixture
    def held(self, drawer, acme):
        """Grace, held at the filter."""
        keys = draw_winback(drawer)
        drawer.post("publication")
        with in_account(acme.pk):
            conversation = Conversation.objects.select_related("published").get()
            person = conversation.list.subscriptions.get()
            return Enrollment.objects.create(
                conversation=conversation,
                version=conversation.published,
                list_id=conversation.list_id,
                subscription_id=person.pk,
                contact_id=person.contact_id,
                entry_number=1,
                entry_kind="external_event",
                entry_thread="Winback",
                entered_at=conversation.created_at,
                arrived_at=conversation.created_at,
                step_key=keys[1],
                held_reason="step_error 22P02",
            )

    def test_says_who_is_held_and_why(self, drawer, held):
        assert "1 held" in drawer.client.get(drawer.url("thread", "winback")).text

        text = drawer.client.get(drawer.url("held")).text

        assert "Grace" in text
        assert "No order for 60 days" in text
        assert "a value cannot be read as what is needed here (22P02)" in text

    def test_says_what_was_only_counted(self, drawer, held, acme):
        with in_account(acme.pk):
            Tally.objects.create(
                conversation=held.conversation,
                step_key=held.step_key,
                name="webhook failed: status 404",
                total=7,
                last_at=held.arrived_at,
            )

        text = drawer.client.get(drawer.url("held")).text

        assert "Webhook failed: status 404" in text
        assert '<td data-label="Times">7</td>' in text

    def test_has_the_step_run_again(self, drawer, held, acme):
        drawer.post("settle_held", act="retry", enrollment=held.pk)

        with in_account(acme.pk):
            assert Enrollment.objects.get().due_at is not None

    def test_ends_them(self, drawer, held, acme):
        drawer.post("settle_held", act="end")

        with in_account(acme.pk):
            assert Enrollment.objects.get().ended_at is not None
        assert "Nobody is held" in drawer.client.get(drawer.url("held")).text


READ = ["held", "thread", "step", "counts", "settings", "export", "problems", "differences", "publication",
        "conversation"]  # fmt: skip
WRITE = ["settle_held", "add_step", "remove_step", "move_step", "step", "settings", "publication", "pause",
         "resume", "discard", "new_thread", "rename_thread", "remove_thread", "undo", "duplicate",
         "delete"]  # fmt: skip


class TestPermissions:
    def args(self, drawer, name):
        with_thread = {"thread", "counts", "rename_thread", "remove_thread"}
        with_step = {"step", "add_step", "remove_step", "move_step"}
        if name in with_thread:
            return ["winback"]
        return ["winback", drawer.key("trigger")] if name in with_step else []

    @pytest.mark.parametrize("name", READ)
    def test_a_stranger_finds_nothing_and_a_viewer_looks(self, drawer, zoe, ben, client, name):
        page = drawer.url(name, *self.args(drawer, name))

        client.force_login(zoe)
        assert client.get(page).status_code == 404
        client.force_login(ben)
        assert client.get(page, follow=True).status_code == 200

    @pytest.mark.parametrize("name", WRITE)
    def test_a_stranger_and_a_viewer_write_nothing(self, drawer, zoe, ben, client, name):
        page = drawer.url(name, *self.args(drawer, name))
        before = drawer.fresh().draft

        client.force_login(zoe)
        assert client.post(page, {"revision": 1}).status_code == 404
        client.force_login(ben)
        assert client.post(page, {"revision": 1}).status_code == 403

        assert drawer.fresh().draft == before

    def test_another_lists_conversation_is_not_there(self, drawer, acme, mia):
        with in_account(acme.pk):
            other = ListFactory.create()

        page = reverse(
            "conversations:conversation", args=["acme-shoes", other.pk, drawer.conversation.pk]
        )

        assert drawer.client.get(page).status_code == 404
