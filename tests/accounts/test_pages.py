"""Signing in, choosing an account, and integrations."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts import actions
from accounts.models import ApiClient, ApiUse, Role, User
from accounts.tenancy import in_account
from tests.factories import NOON, ListFactory


@pytest.fixture
def shop(acme):
    """An integration of acme."""
    with in_account(acme.pk):
        return actions.create_integration(name="Shop", types=["email"], now=NOON).client


def page(view, *args):
    return reverse(f"accounts:{view}", args=["acme-shoes", *args])


class TestSignIn:
    def test_a_page_sends_a_visitor_to_sign_in(self, client, acme):
        answer = client.get("/a/acme-shoes/")

        assert answer.status_code == 302
        assert answer.url == "/sign-in/login/?next=/a/acme-shoes/"

    def test_email_and_password_lead_home(self, client, acme):
        answer = client.post(
            "/sign-in/login/",
            {"login": "ada@acme.example", "password": "correct horse battery"},
            follow=True,
        )

        assert answer.redirect_chain[-1][0] == "/a/acme-shoes/"
        assert "Home" in answer.text

    def test_a_wrong_password_is_said_and_the_address_kept(self, client, acme):
        answer = client.post(
            "/sign-in/login/", {"login": "ada@acme.example", "password": "wrong horse"}
        )

        assert "not correct" in answer.text
        assert 'value="ada@acme.example"' in answer.text

    def test_too_many_attempts_are_refused(self, client, acme):
        cache.clear()
        wrong = {"login": "ada@acme.example", "password": "wrong horse"}
        for _ in range(6):
            answer = client.post("/sign-in/login/", wrong)

        right = {**wrong, "password": "correct horse battery"}
        answer = client.post("/sign-in/login/", right)
        cache.clear()

        assert "Too many failed" in answer.text

    def test_a_forgotten_password_is_chosen_anew_by_mail(self, client, acme, mailoutbox):
        client.post("/sign-in/password/reset/", {"email": "ada@acme.example"})

        link = re.search(r"http://testserver(\S+)", mailoutbox[0].body)
        assert link is not None
        form = client.get(link[1], follow=True)
        answer = client.post(
            form.redirect_chain[-1][0],
            {"password1": "staple battery horse", "password2": "staple battery horse"},
            follow=True,
        )

        assert "Your password is changed" in answer.text
        assert client.login(email="ada@acme.example", password="staple battery horse")

    def test_nobody_signs_up_by_themselves(self, client, db):
        assert "Ask for an invitation" in client.get("/sign-in/signup/").text

    @pytest.mark.parametrize("name", ["login", "password/reset", "password/reset/done"])
    def test_every_page_is_ours(self, client, db, name):
        answer = client.get(f"/sign-in/{name}/")

        assert answer.status_code == 200
        assert "entrance-main" in answer.text

    @pytest.mark.parametrize("name", ["logout", "password/change", "email", "reauthenticate"])
    def test_every_page_of_a_user_is_ours(self, client, ada, acme, name):
        client.force_login(ada)

        answer = client.get(f"/sign-in/{name}/")

        assert answer.status_code == 200
        assert "entrance-main" in answer.text

    def test_nothing_inline_is_in_a_page(self, client, ada, acme):
        with in_account(acme.pk):
            ListFactory.create()
        client.force_login(ada)

        for address in ("/sign-in/password/change/", "/a/acme-shoes/", page("integrations")):
            text = client.get(address).text
            assert not re.search(r"""\sstyle=|\son[a-z]+=|\shx-on|<style|<script(?! src)""", text)


class TestChoosingAnAccount:
    def test_the_only_account_is_chosen_by_itself(self, client, ada, acme):
        client.force_login(ada)

        assert client.get("/").url == "/a/acme-shoes/"

    def test_of_several_one_is_chosen(self, client, ada, acme, globex):
        with in_account(globex.pk):
            actions.add_member(user=ada, role=Role.VIEWER, now=NOON)
        client.force_login(ada)

        answer = client.get("/")

        assert "Globex" in answer.text
        assert "/a/acme-shoes/" in answer.text

    def test_the_menu_lists_own_accounts_only(self, client, zoe, acme):
        client.force_login(zoe)

        menu = client.get("/accounts/choices/?from=globex").text

        assert "Globex" in menu
        assert "Acme" not in menu
        assert 'aria-current="true"' in menu

    def test_a_user_without_an_account_is_told_so(self, client, zoe, ada, acme):
        client.force_login(User.objects.create_user("new@acme.example", "correct horse battery"))

        assert "in no account yet" in client.get("/accounts/").text


class TestIntegrations:
    FORM = {"name": "Segment", "types": ["email", "sms"], "levels": ["Contact", "List"]}

    def test_one_is_created_and_its_secret_shown_once(self, client, ada, acme):
        client.force_login(ada)

        first = client.post(page("integrations"), {**self.FORM, "ip_allow": ""}, follow=True)
        again = client.get(first.redirect_chain[-1][0])

        with in_account(acme.pk):
            made = ApiClient.objects.get()
        secret = re.search(r'data-copy="([\w-]{40,})"', first.text)
        assert made.types == ["email", "sms"]
        assert made.levels == ["Contact", "List"]
        assert secret is not None
        assert actions.hash_secret(secret[1]) == made.secret_hash
        assert secret[1] not in again.text

    def test_a_wrong_one_answers_its_form_and_keeps_what_was_typed(self, client, ada, acme):
        client.force_login(ada)

        answer = client.post(page("integrations"), {"name": "Segment", "ip_allow": "10.0.0.300"})

        assert answer.status_code == 422
        assert "Choose at least one type." in answer.text
        assert "10.0.0.300 is no IP address" in answer.text
        assert 'value="Segment"' in answer.text
        assert "data-open-now" in answer.text
        with in_account(acme.pk):
            assert not ApiClient.objects.exists()

    def test_access_is_changed(self, client, ada, acme, shop):
        client.force_login(ada)

        answer = client.post(
            page("integration_access", shop.pk), {**self.FORM, "ip_allow": "10.0.0.0/8\n::1"}
        )

        shop = self.reread(acme, shop)
        assert answer.status_code == 302
        assert (shop.name, shop.ip_allow) == ("Segment", ["10.0.0.0/8", "::1"])

    def test_wrong_access_changes_nothing(self, client, ada, acme, shop):
        client.force_login(ada)

        answer = client.post(page("integration_access", shop.pk), {**self.FORM, "types": ["fax"]})

        assert answer.status_code == 422
        assert self.reread(acme, shop).types == ["email"]

    def test_a_new_secret_ends_the_old_one(self, client, ada, acme, shop):
        client.force_login(ada)

        answer = client.post(page("integration_secret", shop.pk), follow=True)

        assert "shown once" in answer.text
        assert self.reread(acme, shop).secret_hash != shop.secret_hash

    def test_one_is_paused_and_resumed(self, client, ada, acme, shop):
        client.force_login(ada)

        paused = client.post(page("integration_pause", shop.pk), follow=True)
        assert "Undo" in paused.text
        assert not self.reread(acme, shop).is_active
        client.post(page("integration_resume", shop.pk))
        assert self.reread(acme, shop).is_active

    def test_says_and_draws_how_often_it_called(self, client, ada, acme, shop, time_machine):
        time_machine.move_to(NOON, tick=False)
        with in_account(acme.pk):
            for ago, calls in ((0, 7), (2, 1200), (29, 30), (30, 5000)):
                day = NOON.date() - timedelta(days=ago)
                ApiUse.objects.create(client=shop, day=day, calls=calls)
        client.force_login(ada)

        text = client.get(page("integration", shop.pk)).text
        listed = client.get(page("integrations")).text

        assert re.findall(r"<dd>([\d,]+)", text) == ["1,237", "7", "1,200"]
        assert "in all, at most 1,200 on a day" in text
        heights = re.findall(r'<rect class="chart-bar"[^>]* height="([\d.]+)"', text)
        assert len(heights) == 30
        assert (heights[0], heights[27], heights[28], heights[29]) == ("2.0", "80.0", "0.0", "1.5")
        assert "1,237" in listed

    def test_says_that_nothing_called(self, client, ada, acme, shop):
        client.force_login(ada)

        assert "Nothing called with it" in client.get(page("integration", shop.pk)).text

    @pytest.mark.parametrize(
        ("method", "view"),
        [
            ("get", "integrations"),
            ("post", "integrations"),
            ("get", "integration"),
            ("get", "integration_access"),
            ("post", "integration_access"),
            ("post", "integration_secret"),
            ("post", "integration_pause"),
            ("post", "integration_resume"),
        ],
    )
    def test_who_may(self, client, ben, mia, zoe, shop, method, view):
        address = page(view) if view == "integrations" else page(view, shop.pk)

        answers = []
        for user in (zoe, ben, mia):
            client.force_login(user)
            answers.append(getattr(client, method)(address).status_code)

        assert answers == [404, 403, 403]

    def test_another_accounts_is_not_there(self, client, zoe, globex, shop):
        client.force_login(zoe)

        answer = client.get(reverse("accounts:integration", args=["globex", shop.pk]))

        assert answer.status_code == 404

    @staticmethod
    def reread(acme, shop):
        with in_account(acme.pk):
            return ApiClient.objects.get(pk=shop.pk)


class TestTheFrame:
    def test_a_viewer_is_not_shown_what_is_closed_to_them(self, client, ben, acme):
        client.force_login(ben)

        assert "Integrations Management" not in client.get("/a/acme-shoes/").text

    def test_choosing_a_list_stays_on_the_same_kind_of_page(self, client, ada, acme):
        with in_account(acme.pk):
            first, second = ListFactory.create(name="First"), ListFactory.create(name="Second")
        client.force_login(ada)

        text = client.get(reverse("contacts:fields", args=["acme-shoes", first.pk])).text

        assert f'href="/a/acme-shoes/lists/{second.pk}/fields/"' in text

    def test_the_list_used_last_is_used_again(self, client, ada, acme):
        with in_account(acme.pk):
            ListFactory.create(name="First")
            second = ListFactory.create(name="Second")
        client.force_login(ada)

        client.get(reverse("contacts:contacts", args=["acme-shoes", second.pk]))

        assert client.get(page("integrations")).context["frame"].list == second

    def test_every_link_of_the_navigation_answers(self, client, ada, acme):
        with in_account(acme.pk):
            ListFactory.create()
        client.force_login(ada)

        text = client.get("/a/acme-shoes/").text

        links = set(re.findall(r'class="nav-link[^"]*" href="([^"]+)"', text))
        assert len(links) >= 8
        assert {client.get(link).status_code for link in links} == {200}


class TestAccountSettings:
    @pytest.fixture
    def address(self, acme):
        return reverse("accounts:settings", args=[acme.slug])

    def test_keep_the_postal_address_line_by_line(self, client, ada, acme, address):
        client.force_login(ada)

        answer = client.post(address, {"postal_address": " 2  Oak Street \r\n\r\nSpringfield "})

        with in_account(acme.pk):
            acme.refresh_from_db()
        assert (answer.status_code, acme.postal_address) == (302, "2 Oak Street\nSpringfield")

    def test_refuse_an_address_that_is_none(self, client, ada, acme, address):
        client.force_login(ada)

        answer = client.post(address, {"postal_address": "x" * 501})

        assert (answer.status_code, "500" in answer.text) == (422, True)

    def test_say_when_an_order_counts_for_a_message(self, client, ada, acme, address):
        client.force_login(ada)

        kept = client.post(address, {"postal_address": "x", "click_days": "30", "open_days": "0"})
        refused = client.post(address, {"postal_address": "x", "click_days": "91"})

        with in_account(acme.pk):
            acme.refresh_from_db()
        assert (kept.status_code, refused.status_code) == (302, 422)
        assert (acme.click_days, acme.open_days) == (30, 0)

    def test_are_the_owners(self, client, mia, zoe, address):
        client.force_login(mia)
        of_a_marketer = client.post(address, {"postal_address": "x"}).status_code
        client.force_login(zoe)

        assert (of_a_marketer, client.get(address).status_code) == (403, 404)
