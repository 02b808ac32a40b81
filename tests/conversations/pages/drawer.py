"""Clicking through the builder without a browser."""

from django.urls import reverse

from accounts.tenancy import in_account
from conductor.conversations.models import Conversation


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
