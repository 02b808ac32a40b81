"""The conversations of a list: found, copied, exported, brought back."""

from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations import actions
from conductor.conversations.models import Conversation, Version
from tests.conversations.pages.drawer import Drawer, draw_winback


class TestListing:
    def test_lists_status_and_counts(self, drawer):
        draw_winback(drawer)
        drawer.post("publication")
        page = reverse(
            "conversations:conversations", args=["acme-shoes", drawer.conversation.list_id]
        )

        text = drawer.client.get(page).text

        assert "Post Purchase" in text
        assert '<td class="num" data-label="Converted">0</td>' in text
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
        asked = drawer.client.get(Drawer(drawer.client, copy).url("delete")).text
        assert "1 thread with" in asked
        assert f'data-confirm-name="{copy.name}"' in asked
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
