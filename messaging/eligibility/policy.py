"""What an account allows itself, as what a statement asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from messaging.eligibility import refusals
from messaging.eligibility.caps import Cap, campaign_params, capped, limited
from messaging.eligibility.hours import QUIET_EMAIL, QUIET_SMS, email_params, sms_params
from messaging.eligibility.verdict import Case, Verdict, case
from messaging.law import Hours
from messaging.reasons import Reason

TOMORROW = """local_instant(
            date_trunc('day', %(now)s::timestamptz AT TIME ZONE %(account_zone)s)
                + interval '1 day',
            %(account_zone)s
        )"""


@dataclass(frozen=True)
class Policy:
    """Whom an account may write to at `now`, and when: read once for a batch."""

    now: datetime
    zone: str
    caps: tuple[Cap, ...] = ()
    email_hours: Hours | None = None
    sms_hours: Hours | None = None
    follows_law: bool = True
    holdout_percent: int = 0
    suppressed: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    some_inactive: bool = False
    some_limited: bool = False
    most_a_day: int = 0
    sent_today: int = 0

    @property
    def is_serial(self) -> bool:
        """Whether claims of the account must be made one after the other."""
        return bool(self.caps or self.most_a_day or self.some_limited)

    @property
    def left_today(self) -> int | None:
        """How many more messages that are not transactional may leave today; None: no limit."""
        return max(0, self.most_a_day - self.sent_today) if self.most_a_day else None

    def email(
        self,
        *,
        transactional: bool,
        skips_quiet: str = "FALSE",
        waits_for_cap: str = "FALSE",
        ticked: str = "",
        before: str = "TRUE",
        conversation: str = "NULL::bigint",
        broadcast: str = "NULL::bigint",
    ) -> Verdict:
        """
        Return what is asked about an email: aliases `contact` and `subscription`.

        `skips_quiet` and `waits_for_cap` are SQL booleans: what the step says.
        `conversation` and `broadcast` are the SQL of what the message is of, for caps of a
        campaign.
        """
        refused = [
            *refusals.EMAIL,
            *self.suppression("email", "contact.email_norm", in_list="subscription.list_id"),
        ]
        if transactional:
            return Verdict(case(refused))
        enough = capped(
            self.caps,
            "email",
            ticked=ticked,
            before=before,
            conversation=conversation,
            broadcast=broadcast,
        )
        quiet = QUIET_EMAIL if self.email_hours is not None else ""
        return self._verdict(
            refused,
            quiet,
            enough,
            email_params(self.email_hours),
            skips_quiet=skips_quiet,
            waits_for_cap=waits_for_cap,
        )

    def sms(
        self,
        *,
        transactional: bool,
        skips_quiet: str = "FALSE",
        waits_for_cap: str = "FALSE",
        ticked: str = "",
        before: str = "TRUE",
        conversation: str = "NULL::bigint",
        broadcast: str = "NULL::bigint",
        asks: str = "FALSE",
        nobodys: str = "FALSE",
    ) -> Verdict:
        """
        Return what is asked about a text to a valid number: aliases `contact`, `phone_subscription`.

        `asks` and `nobodys` as `refusals.sms` has them; the rest is as for `email`.
        """
        refused = [
            *refusals.sms(asks=asks, nobodys=nobodys, some_inactive=self.some_inactive),
            *self.suppression("sms", "phone_subscription.phone_e164"),
        ]
        if transactional:
            return Verdict(case(refused))
        enough = capped(
            self.caps,
            "sms",
            ticked=ticked,
            before=before,
            conversation=conversation,
            broadcast=broadcast,
            limits=limited(before=before) if self.some_limited else "",
        )
        quiet = QUIET_SMS if self.follows_law or self.sms_hours is not None else ""
        return self._verdict(
            refused,
            quiet,
            enough,
            sms_params(self.sms_hours, follows_law=self.follows_law),
            skips_quiet=skips_quiet,
            waits_for_cap=waits_for_cap,
        )

    def until_tomorrow(self, verdict: Verdict) -> Verdict:
        """Return the verdict of an account that has sent what it may today: all else is held."""
        held = verdict.held_until
        return replace(
            verdict,
            held_reason=case(
                [(f"{held} IS NULL", Reason.OVER_ACCOUNT_LIMIT)], other=verdict.held_reason
            ),
            held_until=f"coalesce({held}, {TOMORROW})",
            params={**verdict.params, "account_zone": self.zone},
        )

    def suppression(self, channel: str, address: str, *, in_list: str = "") -> Sequence[Case]:
        """Return the refusal of suppressed addresses, where the account has any."""
        if channel not in self.suppressed:
            return []
        return refusals.suppressed(
            channel, address, in_list=in_list, with_erased=channel in self.erased
        )

    def _verdict(
        self,
        refused: list[Case],
        quiet: str,
        enough: str,
        hours: dict[str, Any],
        *,
        skips_quiet: str,
        waits_for_cap: str,
    ) -> Verdict:
        refused += refusals.held_out(self.holdout_percent)
        if not quiet and not enough:
            return Verdict(case(refused))
        until, why = [], []
        if quiet:
            refused.append((f"quiet.until IS NOT NULL AND {skips_quiet}", Reason.QUIET_HOURS))
            until.append("quiet.until")
        if enough:
            refused.append(
                (f"capped.until IS NOT NULL AND NOT {waits_for_cap}", Reason.FREQUENCY_CAP)
            )
            until.append("capped.until")
            why.append(("capped.until IS NOT NULL", Reason.FREQUENCY_CAP))
        if quiet:
            why.append(("quiet.until IS NOT NULL", Reason.QUIET_HOURS))
        return Verdict(
            refusal=case(refused),
            joins=quiet + enough,
            held_reason=case(why),
            held_until=f"greatest({', '.join(until)})",
            params={"account_zone": self.zone, **hours, **campaign_params(self.caps)},
        )
