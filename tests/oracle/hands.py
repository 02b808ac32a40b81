"""What other systems answer, and what people of ours do by hand."""

from datetime import datetime, timedelta

from tests.oracle.conversations import Conversation, Enrollment
from tests.oracle.mail import Mail
from tests.oracle.people import Fact, Person
from tests.oracle.things import Call

# Minutes between the attempts to ask another system.
PAUSES = [1, 4, 20]


class Hands(Mail):
    """Calls under way, contacts who are sent about."""

    def make_calls(self, now: datetime) -> None:
        """Ask other systems whatever is to be asked by now."""
        for call in self.calls:
            if self.is_to_make(call, now):
                status = call.statuses[min(call.attempts, len(call.statuses) - 1)]
                call.attempts += 1
                if (status == 429 or status >= 500) and call.attempts <= len(PAUSES):
                    call.next_at = now + timedelta(minutes=PAUSES[call.attempts - 1])
                    continue
                call.outcome = status
                one = call.one
                if one.is_active and (one.step, one.visit) == (call.step, call.visit):
                    one.due_at = now

    def is_to_make(self, call: Call, now: datetime) -> bool:
        """Whether a call's time has come; those of a paused conversation wait."""
        is_waiting = call.outcome is None and call.next_at <= now
        return is_waiting and not call.one.conversation.is_paused

    def call_of(self, one: Enrollment) -> Call | None:
        """Return what is asked at the visit under way."""
        return next(
            (
                call
                for call in self.calls
                if call.one is one and (call.step, call.visit) == (one.step, one.visit)
            ),
            None,
        )

    def enter_by_hand(self, person: Person, conversation: Conversation, now: datetime) -> None:
        """Let somebody in at the start of the first thread."""
        if conversation.in_list in person.lists:
            first = next(iter(conversation.live.steps))
            conversation.queue.append(
                Fact(
                    "by_hand", person, conversation.in_list, now, now,
                    method="by hand", only=first, told_at=now,
                )
            )  # fmt: skip

    def send_on(self, person: Person, conversation: Conversation, told: str, now: datetime) -> None:
        """Say by hand that somebody ends ("!end"), goes on, or leaves its wait ("wait")."""
        one = conversation.active(person)
        if one is None or one.told:
            return
        step = one.here()
        if told == "wait" and step.kind not in {"wait", "wait_for"}:
            return
        if told in {"wait", "on"}:
            names = step.exit_names()
            onward = [name for name in ("next", "timed_out", "happened") if name in names]
            if not names:
                return
            told = [*onward, *names][0]
        one.told, one.due_at = told, now

    def retry(self, conversation: Conversation, now: datetime) -> None:
        """Let everybody who is held try again."""
        for one in conversation.enrollments:
            if one.is_active and one.held and not one.told:
                one.due_at = now

    def end_held(self, conversation: Conversation, now: datetime) -> None:
        """End everybody who is held."""
        for one in conversation.enrollments:
            if one.is_active and one.held and not one.told:
                one.told, one.due_at = "!end", now
