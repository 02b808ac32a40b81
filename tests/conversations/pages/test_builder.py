"""The builder: threads, steps, problems, publication."""

import re

import pytest
from django.utils.html import escape

from accounts.tenancy import in_account
from conductor.conversations.models import Conversation
from tests.conversations.pages.drawer import MOBILE, draw_winback


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
            assert "How this step works" in response.text
            assert escape(response.context["step"].docs) in response.text

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

    @pytest.mark.parametrize(
        ("name", "args", "typed", "said"),
        [
            ("new_thread", (), "Winback", "already"),
            ("new_thread", (), " ", "Give the thread a name."),
            ("rename_thread", ("winback",), "x" * 121, "120"),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
    def test_a_refused_thread_keeps_what_was_typed(self, drawer, name, args, typed, said, headers):
        data = {"name": typed, "revision": drawer.fresh().revision}

        answer = drawer.client.post(drawer.url(name, *args), data, headers=headers)

        field = f"{name.replace('_', '-')}-name"
        assert answer.status_code == 422
        assert f'id="{field}_error"' in answer.text
        assert said in answer.text
        assert f'value="{typed}"' in answer.text
        assert ("<html" in answer.text) is (not headers)

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
            **{
                **MOBILE,
                "contact": contact,
                "text": "Hi {{ contact.first_name }}!{{ contact.nick }}",
            },
        ).text

        assert "Hi Grace!" in text
        assert "there is no contact.nick" in text
        assert "Lock screen" in text
        assert "Message screen" in text

    def test_a_message_is_chosen_before_it_is_committed(self, drawer):
        key = drawer.add("message", drawer.key("trigger"))

        refused = drawer.update(key, saved_message="", commit="latest")

        assert refused.status_code == 422
        assert "Choose a saved message first" in refused.text

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

    def test_is_offered_quietly_where_nothing_differs(self, drawer):
        keys = draw_winback(drawer)

        before = drawer.client.get(drawer.url("conversation"), follow=True).text
        drawer.post("publication")
        live = drawer.client.get(drawer.url("conversation"), follow=True).text
        drawer.update(keys[3], mode="for", amount="5", unit="days")
        changed = drawer.client.get(drawer.url("conversation"), follow=True).text

        assert ["btn-publish" in text for text in (before, live, changed)] == [True, False, True]

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

    def test_each_way_of_a_decision_leads_to_a_step_of_its_own(self, drawer):
        start = drawer.key("trigger")
        which = drawer.add("if", start)
        mail = drawer.add("message", which)
        given = {"branch_0": "large", "filter_0": "{contact: email, contains: a}"}

        drawer.update(which, **given, to_0=mail, exit_else=drawer.key("terminate"))
        renamed = {**given, "branch_0": "great", "to_0": mail}
        drawer.update(which, **renamed, exit_else=drawer.key("terminate"))

        (step,) = [step for step in drawer.steps() if step["key"] == which]
        assert step["exits"] == {"great": mail, "else": drawer.key("terminate")}
        page = drawer.client.get(drawer.url("thread", "winback")).text
        assert "great: goes on" in page
        assert "else: Ends" in page

    def test_ways_of_a_decision_lead_to_new_threads(self, drawer):
        which = drawer.add("if", drawer.key("trigger"))
        drawer.update(which, branch_0="VIP", filter_0="{contact: email, contains: a}")
        assert (
            "All ways lead to the same step"
            in drawer.client.get(drawer.url("step", "winback", which)).text
        )

        response = drawer.update(
            which,
            branch_0="VIP",
            filter_0="{contact: email, contains: a}",
            to_0="+thread",
            exit_else="+thread",
        )

        assert response.headers["Location"] == drawer.url("thread", "vip")
        winback, vip, others = drawer.fresh().draft["threads"]
        assert [vip["thread"], others["thread"]] == ["VIP", "Everybody else"]
        (step,) = [step for step in winback["steps"] if step["key"] == which]
        assert step["exits"] == {"VIP": vip["steps"][0]["key"], "else": others["steps"][0]["key"]}
        page = drawer.client.get(drawer.url("thread", "winback")).text
        assert f'href="{drawer.url("thread", "vip")}#step-{vip["steps"][0]["key"]}"' in page
        assert "All ways lead" not in page
        page = drawer.client.get(drawer.url("thread", "vip")).text
        assert f'href="{drawer.url("thread", "winback")}#step-{which}"' in page
        assert "from Winback, VIP" in page

        drawer.post("undo")

        assert [thread["thread"] for thread in drawer.fresh().draft["threads"]] == ["Winback"]

    def test_a_new_thread_gets_a_name_that_is_free(self, drawer):
        which = drawer.add("split", drawer.key("trigger"))
        given = {"group_0": "A", "weight_0": 50, "group_1": "Winback", "weight_1": 50}

        drawer.update(which, **given, to_0="+thread", to_1="+thread")

        names = [thread["thread"] for thread in drawer.fresh().draft["threads"]]
        assert names == ["Winback", "Group A", "Winback 2"]
