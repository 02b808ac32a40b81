"""Plays a story twice, through the product and through the oracle, and compares all of it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import Account
from accounts.tenancy import sql
from conductor.conversations import actions as conversing
from conductor.conversations.actions.by_hand import (
    Chosen,
    end_by_hand,
    enter_by_hand,
    move_on,
    skip_wait,
)
from conductor.conversations.actions.held import end_held, retry_held
from conductor.conversations.document import parse_document
from conductor.conversations.models import Conversation, Enrollment, Refusal, Visit
from conductor.conversations.standing import standing as count_standing
from conductor.engine.calls import Caller
from conductor.engine.tick import run_tick
from contacts import actions
from contacts.actions.editing import update_contact
from contacts.actions.products import NewProduct, save_products
from contacts.actions.segments import add_members, create_segment, remove_members
from contacts.models import Contact, Subscription
from messaging.actions import record_receipts
from messaging.actions.coupons import create_pool
from messaging.actions.phones import unsubscribe_phone
from messaging.actions.receipts import tell_of_deliveries
from messaging.models import CouponCode, Delivery
from tests.engine.other_side import Handler, Names, OtherSide, answer
from tests.factories import (
    ContactFactory,
    ExternalEventFactory,
    ListFactory,
    PhoneListFactory,
    PhoneSubscriptionFactory,
    ProfileFieldFactory,
    ProfileFieldGroupFactory,
    SavedMessageFactory,
    ShortCodeFactory,
    SubscriptionFactory,
)
from tests.oracle import conversations as told
from tests.oracle.acts import Pool, Segment
from tests.oracle.interpreter import Oracle
from tests.oracle.people import Person, Standing
from tests.oracle.times import after, span
from tests.stories.story import (
    CLUB,
    CODE,
    EVENTS,
    FIELDS,
    LIST,
    MESSAGE,
    PHONE_LIST,
    POOLS,
    SHOP,
    Story,
)

MOST_TICKS = 60
MOST_STOPS = 25
# A story's ids are the same each time it is told: draws hang on them.
SEQUENCES = (
    "contacts_contact", "contacts_subscription", "conversations_conversation",
    "conversations_enrollment", "contacts_event",
)  # fmt: skip
FIRST_ID = 1000
RESET = """
    SELECT setval(pg_get_serial_sequence(known.name, 'id'), %(first)s, FALSE)
    FROM unnest(%(tables)s::text []) AS known (name)
"""
TEMPORARY = """
    SELECT relation.relname
    FROM pg_class AS relation
    WHERE
        relation.relpersistence = 't' AND relation.relkind = 'r'
        AND pg_table_is_visible(relation.oid)
"""


@dataclass
class Clock:
    """A clock that stories move."""

    now: datetime

    def __call__(self) -> datetime:
        """Read it."""
        return self.now


class Ground:
    """What stories stand on: lists, fields, events, a phone list, a message; made once."""

    def __init__(self, account: Account, shop: OtherSide) -> None:
        self.account, self.shop = account, shop
        self.clock = Clock(datetime.now(UTC))
        self.caller = Caller(clock=self.clock, resolver=Names({"shop.example": [["127.0.0.1"]]}))
        self.lists = {name: ListFactory(name=name) for name in (LIST, CLUB)}
        here = self.lists[LIST]
        self.events = {name: ExternalEventFactory(list=here, name=name) for name in EVENTS}
        group = ProfileFieldGroupFactory(list=here, name="Profile")
        self.fields = {
            name: ProfileFieldFactory(group=group, name=name.split(".")[1], data_type=data_type)
            for name, data_type in FIELDS.items()
        }
        self.names = {str(field.pk): name for name, field in self.fields.items()}
        code = ShortCodeFactory(code=CODE, email_list=here)
        self.phone_list = PhoneListFactory(short_code=code, name=PHONE_LIST)
        SavedMessageFactory(list=here, name=MESSAGE)

    @contextmanager
    def story(self, story: Story, *, often: bool = False) -> Iterator["Player"]:
        """Set up a story; all of it is gone afterwards. `often`: compare at each rest."""
        with transaction.atomic():
            sql.fetch_all(RESET, tables=list(SEQUENCES), first=FIRST_ID)
            self.shop.behaviours, self.shop.heard = {}, []
            Account.objects.filter(pk=self.account.pk).update(time_zone=story.zone)
            yield Player(self, story, often=often)
            transaction.set_rollback(True)


def empty_tables() -> None:
    """Do what the commit does to temporary tables; a later tick may make more of them."""
    names = sorted(name for (name,) in sql.fetch_all(TEMPORARY))
    sql.execute(";".join(f'DELETE FROM "{name}"' for name in names))


class Player:
    """One telling of a story."""

    def __init__(self, ground: Ground, story: Story, *, often: bool = False) -> None:
        self.ground, self.story, self.now, self.often = ground, story, story.starts, often
        self.zone = ZoneInfo(story.zone)
        self.oracle = Oracle(zone=story.zone, types=FIELDS)
        self.conversations: dict[str, Conversation] = {}
        self.contacts: dict[str, Contact] = {}
        self.segments: dict[str, Any] = {}
        for name, rule in story.segments.items():
            self.oracle.segments[name] = Segment(name, LIST, rule)
            kind = "manual" if rule is None else "rule"
            self.segments[name] = create_segment(
                list=ground.lists[LIST], name=name, kind=kind, rule=rule or {}, now=self.now
            )
        told_of = str((story.conversations, story.acts))
        for name, about in POOLS.items():
            if name in told_of:
                self._add_pool(name, about)
        for name, about in story.people.items():
            self._add_person(name, about)
        for structure in story.conversations:
            self.act_publish(structure)

    def play(self) -> None:
        """Let everything happen, then compare."""
        for act, *arguments in self.story.acts:
            getattr(self, f"act_{act.replace(' ', '_')}")(*arguments)
        self.settle()
        self.compare()

    def _add_pool(self, name: str, about: dict[str, Any]) -> None:
        pool = create_pool(
            name=name, now=self.now, kind=about.get("kind", "unique"),
            cutoff_days=about.get("cutoff_days", 0), fallback_code=about.get("fallback", ""),
        )  # fmt: skip
        begins, ends = about.get("lasts", (None, None))
        CouponCode.objects.bulk_create(
            CouponCode(
                pool=pool, code=f"{name}-{number}", expires_on=about.get("expires_on"),
                starts_on=begins, ends_on=ends,
            )
            for number in range(about.get("codes", 1))
        )  # fmt: skip
        self.oracle.pools[name] = Pool(
            about.get("codes", 1), about.get("expires_on"), about.get("cutoff_days", 0),
            about.get("fallback", ""), about.get("lasts"),
        )  # fmt: skip

    # --- people

    def _add_person(self, name: str, about: dict[str, Any]) -> None:
        columns = {key: about.get(key, "") for key in ("phone", "first_name", "time_zone")}
        email = about.get("email", f"{name}@mail.example")
        contact = ContactFactory(
            email=email, email_norm=email, phone_e164=columns["phone"], external_id=f"id-{name}",
            first_name=columns["first_name"], time_zone=columns["time_zone"],
            birthday=about.get("birthday"),
        )  # fmt: skip
        person = Person(
            name, contact.pk, email, external_id=f"id-{name}", birthday=about.get("birthday"),
            **columns,
        )  # fmt: skip
        lists = about.get("lists", {LIST: about.get("state", "Subscribed")})
        for in_list, state in lists.items():
            self._add_standing(person, contact, in_list, state, about.get("profile", {}))
        self.contacts[name], self.oracle.people[name] = contact, person

    def _add_standing(
        self, person: Person, contact: Contact, in_list: str, state: str, profile: dict[str, Any]
    ) -> None:
        profile = profile if in_list == LIST else {}
        then = self.story.starts - timedelta(days=30)
        times: dict[str, Any] = {
            "created_at": then,
            "subscribed_at": None if state == "Pending" else then,
            "unsubscribed_at": then + timedelta(days=1) if state == "Unsubscribed" else None,
        }
        values = {str(self.ground.fields[name].pk): value for name, value in profile.items()}
        row = SubscriptionFactory(
            list=self.ground.lists[in_list], contact=contact, state=state, profile=values, **times
        )
        person.lists[in_list] = Standing(row.pk, state, profile=dict(profile), **times)

    # --- acts

    def act_event(self, who: str, name: str, about: dict[str, Any] | None = None) -> None:
        about = about or {}
        occurred_at = self.now
        if "ago" in about:
            occurred_at = after(self.now, span(f"-{about['ago']}"), self.zone)
        if "ahead" in about:
            occurred_at = after(self.now, span(about["ahead"]), self.zone)
        properties = about.get("properties", {})
        actions.raise_event(
            external_event=self.ground.events[name], contact=self.contacts[who], now=self.now,
            source="api", occurred_at=occurred_at, properties=properties,
        )  # fmt: skip
        self.oracle.happen(
            self.oracle.people[who], LIST, name, self.now,
            occurred_at=occurred_at, properties=properties, method="api",
        )  # fmt: skip

    def act_profile(self, who: str, profile: dict[str, Any]) -> None:
        contact = self.contacts[who]
        row = Subscription.objects.filter(list__name=LIST, contact=contact).first()
        if row is None:
            return
        values = {self.ground.fields[name].pk: value for name, value in profile.items()}
        actions.set_profile(subscription=row, profile=values, now=self.now)
        self.oracle.set_profile(self.oracle.people[who], LIST, self.now, profile)

    def act_subscribe(self, who: str, in_list: str = LIST) -> None:
        person = self.oracle.people[who]
        if not person.email:
            return
        done = actions.subscribe(
            list=self.ground.lists[in_list], contact=self.contacts[who], now=self.now,
            method="Popup", override_unsubscribe=True,
        )  # fmt: skip
        self.oracle.subscribe(person, in_list, self.now, method="Popup")
        person.lists[in_list].id = done.subscription.pk

    def act_unsubscribe(self, who: str, in_list: str = LIST) -> None:
        person = self.oracle.people[who]
        if in_list in person.lists:
            actions.unsubscribe(
                list=self.ground.lists[in_list], contact=self.contacts[who], now=self.now,
                method="Link",
            )  # fmt: skip
            self.oracle.unsubscribe(person, in_list, self.now, method="Link")

    def act_order(self, who: str, number: str, status: str, total: Any, ago: str) -> None:
        ordered_at = after(self.now, span(f"-{ago}"), self.zone)
        order = actions.NewOrder(
            order_number=number, customer=actions.Customer(customer_number=f"id-{who}"),
            ordered_at=ordered_at, status=status, total=total,
        )  # fmt: skip
        outcome = actions.save_orders(
            orders=[order], now=self.now, source="api", start_conversations=True
        )
        assert not outcome.rejects, outcome
        self.oracle.order(
            self.oracle.people[who], self.now, number=number, status=status, total=total,
            ordered_at=ordered_at,
        )  # fmt: skip

    def act_import(self, who: str, profile: dict[str, Any], starts: str) -> None:
        """Bring a file of one row; those who left or have not confirmed are left out."""
        person = self.oracle.people[who]
        standing = person.lists.get(LIST)
        if not person.email or (standing is not None and standing.state != "Subscribed"):
            return
        header = ",".join(["email", *profile])
        row = ",".join([person.email, *(str(value) for value in profile.values())])
        imported = actions.create_import(
            kind="contacts", list=self.ground.lists[LIST], file_name="people.csv",
            file=f"{header}\n{row}\n".encode(), now=self.now,
            options={"start_conversations": starts == "starts"},
        )  # fmt: skip
        actions.start_import(imported=imported, now=self.now)
        actions.run_import(imported.pk, self.now)
        imported.refresh_from_db()
        assert imported.counts["rejected"] == 0, imported.counts
        self.oracle.bring_in(person, LIST, self.now, profile, starts=starts == "starts")
        self.find_subscriptions()

    def act_product(self, sku: str, about: dict[str, Any]) -> None:
        outcome = save_products(products=[NewProduct(sku=sku, **about)], now=self.now)
        assert not outcome.rejects, outcome
        self.oracle.change_product(sku, self.now, **about)

    def act_address(self, who: str, new: str) -> None:
        old = self.oracle.people[who]
        standing = old.lists.get(LIST)
        if standing is None or standing.state != "Subscribed" or new in self.oracle.people:
            return
        email = f"{new}@mail.example"
        done = actions.change_address(
            list=self.ground.lists[LIST], email=old.email, new_email=email, now=self.now,
            method="api",
        )  # fmt: skip
        contact = done.subscription.contact
        person = Person(new, contact.pk, email)
        self.oracle.people[new], self.contacts[new] = person, contact
        self.oracle.change_address(old, person, LIST, self.now, method="api")
        person.lists[LIST].id = done.subscription.pk

    def act_contact(self, who: str, values: dict[str, Any]) -> None:
        contact = self.contacts[who]
        contact.refresh_from_db()
        known = {
            "first_name": contact.first_name, "last_name": "", "phone": contact.phone_e164,
            "external_id": contact.external_id, "birthday": contact.birthday,
            "postal_code": "", "time_zone": contact.time_zone,
        }  # fmt: skip
        update_contact(contact=contact, now=self.now, **{**known, **values})
        self.oracle.change_contact(self.oracle.people[who], self.now, **values)

    def act_send(self) -> None:
        """Let the queued messages go, without a provider."""
        queued = Delivery.objects.filter(state="queued").order_by("id")
        ids = list(queued.values_list("id", flat=True))
        Delivery.objects.filter(pk__in=ids).update(state="sent", sent_at=self.now)
        tell_of_deliveries(ids=ids, now=self.now)
        self.oracle.send_all(self.now)

    def act_receipt(self, who: str, title: str, step: str, did: str) -> None:
        """Let something come back of the latest such message, if it was sent."""
        conversation = self.conversations[title]
        found = Delivery.objects.filter(
            conversation_id=conversation.pk, contact=self.contacts[who], step_key=step, state="sent"
        ).last()
        if found is None:
            return
        record_receipts(delivery=found, kind=did, now=self.now)
        told_of = self.oracle.conversations[title]
        one, sent = next(
            (one, sent)
            for one in reversed(told_of.of(self.oracle.people[who]))
            for sent in reversed(one.deliveries)
            if sent.step == step and sent.state == "sent"
        )
        self.oracle.receipt(one, sent, did, self.now)

    def act_member(self, who: str, name: str) -> None:
        self._move_member(add_members, who, name)
        self.oracle.add_member(self.oracle.people[who], name, self.now)

    def act_no_member(self, who: str, name: str) -> None:
        self._move_member(remove_members, who, name)
        self.oracle.remove_member(self.oracle.people[who], name, self.now)

    def _move_member(self, act: Any, who: str, name: str) -> None:
        row = Subscription.objects.filter(
            list=self.ground.lists[LIST], contact=self.contacts[who]
        ).first()
        if row is not None:
            act(segment=self.segments[name], subscription_ids=[row.pk], now=self.now)

    def act_consent(self, number: str, state: str) -> None:
        owners = [name for name, one in self.oracle.people.items() if one.phone == number]
        PhoneSubscriptionFactory(
            contact=self.contacts[owners[0]] if owners else None,
            phone_list=self.ground.phone_list, phone_e164=number,
            state="Pending" if state == "Age" else state, pending_age_gate=state == "Age",
        )  # fmt: skip
        self.oracle.phones[number] = state

    def act_pause(self, name: str) -> None:
        conversing.pause_conversation(conversation=self.conversations[name], now=self.now)
        self.oracle.conversations[name].is_paused = True

    def act_resume(self, name: str) -> None:
        conversing.resume_conversation(conversation=self.conversations[name], now=self.now)
        self.oracle.conversations[name].is_paused = False

    def act_stop(self, who: str) -> None:
        """Let the owner of a number answer STOP."""
        number = self.oracle.people[who].phone
        if self.oracle.phones.get(number) is not None:
            unsubscribe_phone(
                phone_list=self.ground.phone_list,
                phone_e164=number,
                reason="Workflow",
                now=self.now,
            )
            self.oracle.stop(number, self.now)

    def act_enter(self, who: str, title: str) -> None:
        enter_by_hand(
            conversation=self.conversations[title], chosen=Chosen(contact=self.contacts[who]),
            now=self.now,
        )  # fmt: skip
        self.oracle.enter_by_hand(
            self.oracle.people[who], self.oracle.conversations[title], self.now
        )

    def act_end(self, who: str, title: str) -> None:
        self._send_on(end_by_hand, who, title, "!end")

    def act_move_on(self, who: str, title: str) -> None:
        self._send_on(move_on, who, title, "on")

    def act_skip(self, who: str, title: str) -> None:
        self._send_on(skip_wait, who, title, "wait")

    def _send_on(self, act: Any, who: str, title: str, told_: str) -> None:
        chosen = Chosen(contact=self.contacts[who])
        act(conversation=self.conversations[title], chosen=chosen, now=self.now)
        self.oracle.send_on(
            self.oracle.people[who], self.oracle.conversations[title], told_, self.now
        )

    def act_retry(self, title: str) -> None:
        held = Enrollment.objects.filter(conversation=self.conversations[title])
        retry_held(held=held, now=self.now)
        self.oracle.retry(self.oracle.conversations[title], self.now)

    def act_end_held(self, title: str) -> None:
        held = Enrollment.objects.filter(conversation=self.conversations[title])
        end_held(held=held, now=self.now)
        self.oracle.end_held(self.oracle.conversations[title], self.now)

    def act_publish(self, structure: dict[str, Any]) -> None:
        """Bring a file to life: a new conversation, or the next version of one."""
        name, in_list = structure["conversation"], structure.get("list", LIST)
        structure = json.loads(
            json.dumps(structure).replace(SHOP, f"{SHOP}:{self.ground.shop.port}")
        )
        applied = conversing.apply_file(
            list=self.ground.lists[in_list], document=parse_document(structure), now=self.now
        )
        conversation = applied.conversation
        found = conversing.publish_conversation(conversation=conversation, now=self.now)
        self.conversations[name] = conversation
        known = self.oracle.conversations.setdefault(
            name, told.Conversation(name, in_list, conversation.pk)
        )
        if found.is_new:
            self.oracle.publish(known, structure, self.now)
        known.is_paused = False

    def act_clock(self, duration: str) -> None:
        """Move the clock, then tick: whatever was due meanwhile is late."""
        self.now = after(self.now, span(duration), self.zone)
        self.settle()

    def act_through(self, duration: str) -> None:
        """Move the clock from due time to due time, as a running engine would."""
        end = after(self.now, span(duration), self.zone)
        for _ in range(MOST_STOPS):
            coming = self.oracle.next_instant(self.now)
            if coming is None or coming > end:
                break
            self.now = coming
            self.settle()
        self.now = end
        self.settle()

    def settle(self) -> None:
        """Tick until nothing moves; then both must say the same."""
        for _ in range(MOST_TICKS):
            done = run_tick(now=self.now, limit=1000)
            if done.rows:
                empty_tables()
            self.oracle.tick(self.now)
            if self.oracle.calls:
                self._make_calls()
            if done.rows == 0 and self.oracle.is_still(self.now):
                break
        else:
            raise AssertionError(f"It moves on and on at {self.now}.")
        self.find_subscriptions()
        if self.often:
            self.compare()

    def _make_calls(self) -> None:
        """Let webhooks be called, and answered by the turn of the attempt."""
        for call in self.oracle.calls:
            path = call.one.version.steps[call.step].config["url"].rpartition("/")[2]
            self.ground.shop.behaviours[f"/{path}"] = by_turn
        self.ground.clock.now = self.now
        self.ground.caller.make_all()
        self.oracle.make_calls(self.now)

    # --- comparing

    def find_subscriptions(self) -> None:
        """Tell the oracle the ids of the subscriptions that actions made."""
        for name, contact in self.contacts.items():
            for in_list, standing in self.oracle.people[name].lists.items():
                if not standing.id:
                    row = Subscription.objects.filter(
                        list=self.ground.lists[in_list], contact=contact
                    ).first()
                    standing.id = row.pk if row else 0

    def compare(self) -> None:
        """Assert that both tellings agree, down to each visit."""
        people = {person.id: name for name, person in self.oracle.people.items()}
        titles = {row.pk: name for name, row in self.conversations.items()}
        real, expected = self.real(people, titles), self.expected()
        for part, wanted in expected.items():
            for who in sorted(wanted.keys() | real[part].keys(), key=str):
                found = real[part].get(who)
                assert found == wanted.get(who), (
                    f"{part} of {who} at {self.now}:\n"
                    f"  the product: {_lines(found)}\n  the oracle:  {_lines(wanted.get(who))}"
                )
        self.compare_counts()

    def compare_counts(self) -> None:
        """Assert that what the ticks counted is what there is."""
        for name, conversation in self.conversations.items():
            rows = Enrollment.objects.filter(conversation=conversation)
            inside = Counter(rows.filter(ended_at=None).values_list("step_key", flat=True))
            counted = count_standing(conversation.pk)
            waiting = {key: count for key, count in counted.waiting.items() if count}
            assert (counted.entered, waiting) == (rows.count(), dict(inside)), f"counts of {name}"

    def real(self, people: dict[int, str], titles: dict[int, str]) -> dict[str, dict[Any, Any]]:
        """Return what the product has come to."""
        enrollments: dict[Any, Any] = {}
        visits: dict[Any, list[Any]] = {}
        deliveries: dict[Any, list[Any]] = {}
        refusals: dict[Any, list[Any]] = {}
        names: dict[int | None, Any] = {}
        for row in Enrollment.objects.order_by("id"):
            key = (titles[row.conversation_id], people[row.contact_id], row.entry_number)
            names[row.pk] = key
            enrollments[key] = _enrollment(
                row.entered_at, row.entry_thread, row.step_key, row.visit_number, row.arrived_at,
                row.due_at, row.held_reason, row.ended_at, row.end_reason,
            )  # fmt: skip
        for visit in Visit.objects.order_by("id"):
            visits.setdefault(names[visit.enrollment_id], []).append((
                visit.step_key, visit.visit_number, visit.arrived_at, visit.due_at,
                visit.left_at, visit.exit,
            ))  # fmt: skip
        for sent in Delivery.objects.order_by("id"):
            deliveries.setdefault(names[sent.enrollment_id], []).append((
                sent.step_key, sent.visit_number, sent.channel, sent.state, sent.reason,
                sent.address, sent.queued_at,
            ))  # fmt: skip
        for refusal in Refusal.objects.order_by("id"):
            whose = (titles[refusal.conversation_id], people[refusal.contact_id])
            refusals.setdefault(whose, []).append(
                (refusal.kind, refusal.reason, refusal.refused_at)
            )
        return {
            "enrollment": enrollments,
            "visits": visits,
            "deliveries": deliveries,
            "refusals": refusals,
            "standing": self._real_standings(people),
        }

    def _real_standings(self, people: dict[int, str]) -> dict[Any, Any]:
        lists = {row.pk: name for name, row in self.ground.lists.items()}
        found = {}
        for row in Subscription.objects.filter(list_id__in=lists, contact_id__in=people):
            profile = {
                self.ground.names[key]: _without_code(value) for key, value in row.profile.items()
            }
            found[(people[row.contact_id], lists[row.list_id])] = (
                row.state, row.subscribed_at, row.resubscribed_at, row.unsubscribed_at,
                dict(sorted(profile.items())),
            )  # fmt: skip
        return found

    def expected(self) -> dict[str, dict[Any, Any]]:
        """Return what the oracle says."""
        enrollments: dict[Any, Any] = {}
        visits: dict[Any, list[Any]] = {}
        deliveries: dict[Any, list[Any]] = {}
        refusals: dict[Any, list[Any]] = {}
        for title, conversation in self.oracle.conversations.items():
            for one in conversation.enrollments:
                key = (title, one.person.name, one.number)
                enrollments[key] = _enrollment(
                    one.entered_at, one.thread, one.step, one.visit, one.arrived_at, one.due_at,
                    one.held, one.ended_at, one.reason,
                )  # fmt: skip
                if one.visits:
                    visits[key] = [tuple(vars(visit).values()) for visit in one.visits]
                if one.deliveries:
                    deliveries[key] = [tuple(vars(sent).values()) for sent in one.deliveries]
            for refusal in conversation.refusals:
                refusals.setdefault((title, refusal.person), []).append(
                    (refusal.kind, refusal.reason, refusal.refused_at)
                )
        standings = {
            (name, in_list): (
                one.state, one.subscribed_at, one.resubscribed_at, one.unsubscribed_at,
                dict(sorted(one.profile.items())),
            )
            for name, person in self.oracle.people.items()
            for in_list, one in person.lists.items()
        }  # fmt: skip
        return {
            "enrollment": enrollments,
            "visits": visits,
            "deliveries": deliveries,
            "refusals": refusals,
            "standing": standings,
        }


def _without_code(value: Any) -> Any:
    """Return a value; of a coupon code only its pool: which one it is does not matter."""
    pool = str(value).rpartition("-")[0]
    return f"one of {pool}" if pool in POOLS else value


def by_turn(handler: Handler) -> None:
    """Answer as the path says: its n-th status to the n-th attempt of a visit."""
    key = handler.headers["Idempotency-Key"]
    with handler.server.lock:
        turn = sum(heard.headers.get("Idempotency-Key") == key for heard in handler.server.heard)
    statuses = handler.path.rpartition("/")[2].split("-")
    answer(int(statuses[min(turn, len(statuses)) - 1]), b'{"tier": "gold"}')(handler)


def _enrollment(
    entered_at: datetime, thread: str, step: str, visit: int, arrived_at: datetime | None,
    due_at: datetime | None, held: str, ended_at: datetime | None, reason: str,
) -> tuple[Any, ...]:  # fmt: skip
    """Return an enrollment as it is compared; of one that is over, where it was is of no matter."""
    if ended_at is not None:
        return (entered_at, thread, "ended", ended_at, reason)
    # Why a value could not be used is said in the product's own words.
    held = held if held in {"", "loop"} else "held"
    return (entered_at, thread, step, visit, arrived_at, due_at, held)


def _lines(found: Any) -> str:
    if not isinstance(found, list):
        return str(found)
    return "".join(f"\n      {' '.join(str(part) for part in row)}" for row in found)


# What the stories of this process came through: (step kind, exit), refusals, ends.
CAME_THROUGH: Counter[str] = Counter()


def play(ground: Ground, story: Story) -> None:
    """Play a story and compare; where it fails, again to see when it first does."""
    try:
        with ground.story(story) as player:
            player.play()
    except AssertionError:
        with ground.story(story, often=True) as player:
            player.play()
        raise
    CAME_THROUGH["stories"] += 1
    for conversation in player.oracle.conversations.values():
        CAME_THROUGH.update(f"refused: {refusal.reason}" for refusal in conversation.refusals)
        for one in conversation.enrollments:
            CAME_THROUGH[f"ended: {one.reason}" if one.ended_at else f"held: {one.held}"] += 1
            CAME_THROUGH[f"entered by: {one.fact.kind}"] += 1
            for visit in one.visits:
                step = one.version.steps[visit.step]
                kind = f"action {next(iter(step.config))}" if step.kind == "action" else step.kind
                named = step.kind in {"if", "split"}
                CAME_THROUGH[f"{kind} {'by name' if named else visit.exit}"] += 1
            CAME_THROUGH.update(
                f"{sent.channel}: {sent.state} {sent.reason}" for sent in one.deliveries
            )


__all__ = ["CAME_THROUGH", "Ground", "play"]
