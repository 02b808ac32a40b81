"""Who may look, and who may write."""

import pytest
from django.urls import reverse

from accounts.tenancy import in_account
from tests.factories import (
    ListFactory,
)

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
