"""A list with its people, conversations made live from their file, and a clock to tick by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import List
from accounts.tenancy import sql
from conductor.conversations.actions.listening import listen
from conductor.conversations.alarms import set_alarms
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation, Enrollment, Refusal, Version, Visit
from conductor.conversations.names import ListNames
from conductor.conversations.program import compile_program
from conductor.conversations.reading import read_structure
from conductor.conversations.standing import standing
from conductor.engine.tick import Tick, run_tick
from contacts.actions.facts import announce, announce_event
from contacts.models import Event, ExternalEvent, Intake, Subscription
from messaging.actions import commit_email, commit_sms
from messaging.models import Delivery
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)

START = "{key: start, trigger: {external_event: Order Imported}}"
END = "{key: end, terminate: {}}"


@dataclass
class World:
    """One list of the current account, with what conversations name."""

    now: datetime
    in_list: List = field(init=False)
    event: ExternalEvent = field(init=False)
    conversations: int = 0

    def __post_init__(self) -> None:
        self.in_list = ListFactory(name="Store Customers")
        self.event = ExternalEventFactory(list=self.in_list, name="Order Imported")
        group = ProfileFieldGroupFactory(list=self.in_list, name="Profile")
        self.fields = {
            name: ProfileFieldFactory(group=group, name=name, data_type=kind)
            for name, kind in {
                "Mobile": "Text",
                "Note": "Text",
                "Points": "Numeric",
                "Birthday": "Date",
                "Renewal": "Date",
                "Vip": "CheckBox",
            }.items()
        }
        self.short_code = ShortCodeFactory(code="54321", email_list=self.in_list)
        self.phone_list = PhoneListFactory(short_code=self.short_code, name="Transactional")
        self.saved_message = SavedMessageFactory(list=self.in_list, name="We miss you")

    def person(self, *, email: str = "", profile: dict[str, Any] | None = None, **more: Any) -> Any:
        """Return a subscription; `profile` by field name, `more` for the contact."""
        given = {"email": email, "email_norm": email} if email else {}
        state = more.pop("state", "Subscribed")
        contact = ContactFactory(**given, **more)
        values = {str(self.fields[name].pk): value for name, value in (profile or {}).items()}
        return SubscriptionFactory(list=self.in_list, contact=contact, profile=values, state=state)

    def live(
        self, steps: str, *, heading: str = "", threads: str = "", start: str = START
    ) -> Conversation:
        """Publish a conversation; `steps` is YAML flow between trigger and terminate."""
        self.conversations += 1
        lines = [start, *[line for line in steps.split("\n") if line.strip()], END]
        written = f"conversation: C{self.conversations}\nlist: Store Customers\n{heading}\n"
        body = "".join(f"      - {line.strip()}\n" for line in lines)
        written += f"threads:\n  - thread: Main\n    steps:\n{body}{threads}"
        structure = read_structure(written)
        conversation = Conversation.objects.create(
            list=self.in_list,
            name=structure["conversation"],
            draft=structure,
            created_at=self.now,
            modified_at=self.now,
        )
        self.publish(conversation, structure)
        return conversation

    def publish(self, conversation: Conversation, structure: dict[str, Any]) -> Version:
        """Make a structure the running version."""
        previous = Conversation.objects.get(pk=conversation.pk).published
        document = parse_document(structure)
        names = ListNames(self.in_list, zone=document.heading.time_zone)
        version = Version.objects.create(
            conversation=conversation,
            number=conversation.versions.count() + 1,
            document=structure,
            program=compile_program(
                document, names, messages=self._commit(document), zone=ZoneInfo("America/New_York")
            ),
            published_at=self.now,
        )
        Conversation.objects.filter(pk=conversation.pk).update(published=version)
        listen(conversation=conversation, version=version, now=self.now)
        set_alarms(
            conversation=conversation,
            version=version,
            previous=previous,
            account_zone="America/New_York",
            now=self.now,
        )
        return version

    def _commit(self, document: Any) -> dict[str, int]:
        found = {}
        for key, step in document.steps().items():
            use = step.type.message(step.config)
            if use is None:
                continue
            if use.channel == "email":
                committed = commit_email(saved_message=self.saved_message, now=self.now)
            else:
                committed = commit_sms(
                    sms_message=None,
                    text="Hi",
                    media_url="",
                    phone_list=self.phone_list,
                    now=self.now,
                )
            found[key] = committed.pk
        return found

    def happen(self, *people: Subscription, at: datetime | None = None, **given: Any) -> None:
        """Raise the event for people, in that order."""
        at = at or self.now
        for person in people:
            event = Event.objects.create(
                list_id=self.in_list.pk,
                contact_id=person.contact_id,
                external_event_id=self.event.pk,
                occurred_at=given.get("occurred_at", at),
                recorded_at=at,
                source="api",
                properties=given.get("properties", {}),
            )
            announce_event(event=event)

    def tell(self, kind: str, person: Subscription, **given: Any) -> None:
        """Queue another fact about a subscription."""
        announce(kind=kind, subscription=person, now=self.now, **given)

    def queue(
        self, conversation: Conversation, kind: str, person: Subscription, **given: Any
    ) -> None:
        """Queue a row of the intake as it stands."""
        Intake.objects.create(
            conversation_id=conversation.pk,
            kind=kind,
            contact_id=person.contact_id,
            **{
                "subscription_id": person.pk,
                "occurred_at": self.now,
                "recorded_at": self.now,
                **given,
            },
        )

    def set(self, person: Subscription, **values: Any) -> None:
        """Write into a person's profile, by field name, and tell who listens."""
        person.refresh_from_db()
        fields = [str(self.fields[name].pk) for name in values]
        person.profile |= dict(zip(fields, values.values(), strict=True))
        person.save()
        self.tell("profile_updated", person, properties={"fields": fields})

    def tick(
        self, at: datetime | None = None, *, limit: int = 1000, passed_over: Sequence[int] = ()
    ) -> Tick:
        """Run one tick at a time, as if in a transaction of its own."""
        self.now = at or self.now
        done = run_tick(now=self.now, limit=limit, passed_over=passed_over)
        # What the commit does.
        for table in ("enrolled", "arrivals", "outbox", "facts"):
            if sql.fetch_value("SELECT to_regclass(%(table)s)", table=f"pg_temp.{table}"):
                sql.execute(f"DELETE FROM {table}")
        return done

    def place(self, person: Subscription) -> Enrollment:
        """Return a person's latest enrollment."""
        return Enrollment.objects.filter(subscription_id=person.pk).latest("id")

    def path(self, person: Subscription) -> list[str]:
        """Return the steps left and by which exit, as `key>exit`, then where the person is."""
        visits = Visit.objects.filter(enrollment_id=self.place(person).pk).order_by("id")
        passed = [f"{visit.step_key}>{visit.exit}" for visit in visits]
        enrollment = self.place(person)
        if enrollment.ended_at is not None:
            return [*passed, f"({enrollment.end_reason})"]
        return [*passed, enrollment.step_key]

    def deliveries(self) -> list[tuple[str, str, str]]:
        """Return (address, state, reason) of each delivery in order."""
        return list(Delivery.objects.order_by("id").values_list("address", "state", "reason"))

    def refusals(self) -> list[str]:
        """Return the reasons of the refusals in order."""
        return list(Refusal.objects.order_by("id").values_list("reason", flat=True))

    def queued(self) -> int:
        """Return how many facts are queued."""
        return Intake.objects.count()


def check_conservation(conversation_id: int) -> None:
    """Assert that nobody is lost or doubled, per conversation, step and message step."""
    enrollments = list(Enrollment.objects.filter(conversation_id=conversation_id))
    visits = list(Visit.objects.filter(conversation_id=conversation_id))
    arrivals = Counter((visit.enrollment_id, visit.step_key) for visit in visits)
    kinds: dict[tuple[int, str], str] = {
        (version.pk, key): step["kind"]
        for version in Version.objects.filter(conversation_id=conversation_id)
        for key, step in version.program["steps"].items()
    }
    for enrollment in enrollments:
        if enrollment.ended_at is None:
            arrivals[(enrollment.pk, enrollment.step_key)] += 1
            # Either a timer runs or somebody holds it.
            assert (enrollment.due_at is None) == bool(enrollment.held_reason)
    reached = [row for row in enrollments if row.end_reason == "goal"]
    assert standing(conversation_id).converted == len(reached)
    # Who entered has arrived somewhere, and visits are numbered without gap or repetition.
    assert {enrollment_id for enrollment_id, _ in arrivals} == {row.pk for row in enrollments}
    visited = [(visit.enrollment_id, visit.step_key, visit.visit_number) for visit in visits]
    assert len(set(visited)) == len(visited)
    for enrollment_id, key, number in visited:
        assert 1 <= number <= arrivals[(enrollment_id, key)]
    left = {
        (visit.enrollment_id, visit.step_key, visit.visit_number)
        for visit in visits
        if kinds[(visit.version_id, visit.step_key)] in {"message", "mobile_message"}
    }
    sent = set(
        Delivery.objects.filter(conversation_id=conversation_id).values_list(
            "enrollment_id", "step_key", "visit_number"
        )
    )
    assert left == sent
