"""How people stand with lists, what is known of them, whom texts may be sent to."""

from datetime import datetime
from typing import Any

from tests.oracle.hearing import BOTH, TRIGGER, WATCH, Hearing
from tests.oracle.people import PENDING, SUBSCRIBED, UNSUBSCRIBED, Person, Standing, empty


class Lists(Hearing):
    """Lists and their profiles."""

    def subscribe(
        self,
        person: Person,
        in_list: str,
        now: datetime,
        *,
        method: str,
        profile: dict[str, Any] | None = None,
        roles: set[str] = BOTH,
        **told: Any,
    ) -> None:
        """Put a person on a list, or change how it stands there."""
        is_new = in_list not in person.lists
        standing = person.lists.setdefault(in_list, Standing(0, state=PENDING, created_at=now))
        before, profile_before = standing.state, dict(standing.profile)
        kind = "resubscribed" if standing.subscribed_at else "subscribed"
        if before != SUBSCRIBED:
            if standing.subscribed_at:
                standing.resubscribed_at = now
            else:
                standing.subscribed_at = now
            standing.state, standing.subscribe_method = SUBSCRIBED, method
            standing.unsubscribed_at, standing.unsubscribe_method = None, ""
        self._merge(standing, profile or {})
        if is_new:
            self.tell("added", person, in_list, now, roles=WATCH, **told)
        if before != SUBSCRIBED:
            self.tell(kind, person, in_list, now, method=method, roles=roles, **told)
        self._tell_profile(person, in_list, profile_before, now, roles=roles, **told)

    def unsubscribe(
        self, person: Person, in_list: str, now: datetime, *, method: str, **told: Any
    ) -> None:
        """Take a person off a list; the first date stands."""
        standing = person.lists[in_list]
        if standing.state != UNSUBSCRIBED:
            standing.state, standing.unsubscribed_at = UNSUBSCRIBED, now
            standing.unsubscribe_method = method
            self.tell("unsubscribed", person, in_list, now, roles=WATCH, **told)

    def set_profile(
        self, person: Person, in_list: str, now: datetime, profile: dict[str, Any], **told: Any
    ) -> None:
        """Change a profile."""
        standing = person.lists[in_list]
        before = dict(standing.profile)
        self._merge(standing, profile)
        self._tell_profile(person, in_list, before, now, **told)

    def _merge(self, standing: Standing, profile: dict[str, Any]) -> None:
        for name, value in profile.items():
            if empty(value):
                standing.profile.pop(name, None)
            else:
                standing.profile[name] = value

    def _tell_profile(
        self, person: Person, in_list: str, before: dict[str, Any], now: datetime, **told: Any
    ) -> None:
        profile = person.lists[in_list].profile
        names = before.keys() | profile.keys()
        fields = {name for name in names if before.get(name) != profile.get(name)}
        if fields:
            self.tell("profile_updated", person, in_list, now, fields=fields, **told)

    def change_address(
        self, old: Person, new: Person, in_list: str, now: datetime, *, method: str
    ) -> None:
        """Move a subscription to a new address, a person of its own."""
        before = old.lists[in_list]
        new.lists[in_list] = Standing(
            0, SUBSCRIBED, now, subscribed_at=now, subscribe_method=method,
            profile=dict(before.profile),
        )  # fmt: skip
        before.state, before.unsubscribed_at = UNSUBSCRIBED, now
        before.unsubscribe_method = "AddressChange"
        self.tell("address_changed", old, in_list, now, roles=WATCH)
        self.tell("unsubscribed", old, in_list, now, roles=WATCH)
        self.tell("added", new, in_list, now, roles=WATCH)
        self.tell("address_changed", new, in_list, now, roles=TRIGGER, method=method)

    def change_contact(self, person: Person, now: datetime, **values: Any) -> None:
        """Change what is known of the person itself."""
        changed = {name: value for name, value in values.items() if getattr(person, name) != value}
        for name, value in changed.items():
            setattr(person, name, value)
        if changed:
            for in_list in person.lists:
                self.tell("contact_updated", person, in_list, now, roles=WATCH)

    def stop(self, number: str, now: datetime) -> None:
        """Take a number off the phone list, by its owner's STOP; it stays off."""
        before = self.phones.get(number)
        self.phones[number] = UNSUBSCRIBED
        if before not in {None, UNSUBSCRIBED}:
            for person in self.people.values():
                if person.phone == number:
                    for in_list in person.lists:
                        self.tell("stopped", person, in_list, now, roles=WATCH)
