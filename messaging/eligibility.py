"""
Who may be written to, and when: one set of SQL expressions for counts, steps and sending.

A refusal is a reason from a closed list (`Reason`); the expressions give it, or NULL for
somebody who may be written to. Who may be, but not now (quiet hours, a cap), is held until
an instant. `load_policy` reads what the account allows itself; its verdicts are asked when a
step runs and again when the message is claimed for sending, since consent can be withdrawn
in between. An account without caps and hours asks no more than consent costs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from accounts.tenancy import sql
from messaging.law import ALL_DAY, Hours, area_codes, hours_of, strictest, window
from messaging.reasons import Reason, sentence

__all__ = [
    "CAMPAIGNS",
    "OF_THIS_TICK",
    "QUEUED_BEFORE",
    "Cap",
    "Policy",
    "Reason",
    "Verdict",
    "email_refusal",
    "load_policy",
    "sentence",
    "sms_refusal",
]


@dataclass(frozen=True)
class Verdict:
    """
    What a statement asks about each of its rows: SQL over documented aliases.

    `joins` follow the statement's own; `refusal` is a reason or NULL; where it is NULL,
    `held_until` is until when the message is held (NULL: not at all) and `held_reason` why.
    `params` go with the statement, which has `now` besides. A verdict without holds has no joins.
    """

    refusal: str
    joins: str = ""
    held_reason: str = "NULL::text"
    held_until: str = "NULL::timestamptz"
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether anybody may be held."""
        return bool(self.joins)


@dataclass(frozen=True)
class Cap:
    """
    At most `most` messages a day or a week; see FrequencyCap.

    `conversations` are those of its campaign, None for whatever conversation.
    """

    channel: str
    period: str
    most: int
    conversations: tuple[int, ...] | None = None

    def counts(self, channel: str) -> bool:
        """Say whether messages of a channel fall under it."""
        return self.channel in {channel, "any"}


# Who knows which conversations are of a campaign: names -> their ids.
CAMPAIGNS: dict[str, Callable[[Sequence[str]], Mapping[str, Sequence[int]]]] = {}

# Other messages of this tick, not yet written: a relation of contact_id, channel,
# conversation_id. Steps have one, the claim and previews have not.
OF_THIS_TICK = """
    SELECT outbox.contact_id, outbox.channel, enrolled.conversation_id
    FROM outbox
    INNER JOIN enrolled ON enrolled.id = outbox.enrollment_id
    WHERE outbox.reason IS NULL AND outbox.held_until IS NULL AND NOT outbox.is_transactional
"""
# Of a contact's other messages those that are queued before it: at the claim, where each is
# asked one by one, in the order in which they were queued.
QUEUED_BEFORE = "(earlier.state <> 'queued' OR earlier.id < delivery.id)"


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
    most_a_day: int = 0
    sent_today: int = 0

    @property
    def is_serial(self) -> bool:
        """Whether claims of the account must be made one after the other."""
        return bool(self.caps or self.most_a_day)

    def email(
        self,
        *,
        transactional: bool,
        skips_quiet: str = "FALSE",
        waits_for_cap: str = "FALSE",
        ticked: str = "",
        before: str = "TRUE",
        conversation: str = "NULL::bigint",
    ) -> Verdict:
        """
        Return what is asked about an email: aliases `contact` and `subscription`.

        `skips_quiet` and `waits_for_cap` are SQL booleans: what the step says.
        `conversation` is the SQL of the message's conversation, for caps of a campaign.
        """
        refusal = [*EMAIL_REFUSALS, *self._suppression("email", "contact.email_norm", by_list=True)]
        if transactional:
            return Verdict(_case(refusal))
        quiet = ""
        if self.email_hours is not None:
            quiet = QUIET_EMAIL
        return self._verdict(
            "email",
            [*refusal, *self._holdout()],
            quiet,
            skips_quiet=skips_quiet,
            waits_for_cap=waits_for_cap,
            capped=self._capped("email", ticked=ticked, before=before, conversation=conversation),
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
    ) -> Verdict:
        """
        Return what is asked about a text to a valid number: aliases `contact`, `phone_subscription`.

        The rest is as for `email`.
        """
        number = "phone_subscription.phone_e164"
        refusal = [*SMS_REFUSALS, *self._suppression("sms", number, by_list=False)]
        if transactional:
            return Verdict(_case(refusal))
        quiet = QUIET_SMS if self.follows_law or self.sms_hours is not None else ""
        return self._verdict(
            "sms",
            [*refusal, *self._holdout()],
            quiet,
            skips_quiet=skips_quiet,
            waits_for_cap=waits_for_cap,
            capped=self._capped("sms", ticked=ticked, before=before, conversation=conversation),
        )

    def _verdict(
        self,
        channel: str,
        refusal: list[tuple[str, str]],
        quiet: str,
        *,
        skips_quiet: str,
        waits_for_cap: str,
        capped: str,
    ) -> Verdict:
        if not quiet and not capped:
            return Verdict(_case(refusal))
        until, reason = [], []
        if quiet:
            refusal.append((f"quiet.until IS NOT NULL AND {skips_quiet}", Reason.QUIET_HOURS))
            until.append("quiet.until")
        if capped:
            refusal.append(
                (f"capped.until IS NOT NULL AND NOT {waits_for_cap}", Reason.FREQUENCY_CAP)
            )
            until.append("capped.until")
            reason.append(("capped.until IS NOT NULL", Reason.FREQUENCY_CAP))
        if quiet:
            reason.append(("quiet.until IS NOT NULL", Reason.QUIET_HOURS))
        return Verdict(
            refusal=_case(refusal),
            joins=quiet + capped,
            held_reason=_case(reason),
            held_until=f"greatest({', '.join(until)})",
            params=self._params(channel),
        )

    def _params(self, channel: str) -> dict[str, Any]:
        """Return the parameters of the joins."""
        given: dict[str, Any] = {"account_zone": self.zone}
        if channel == "email":
            given["own_hours"] = list(self.email_hours or ALL_DAY)
        else:
            own = self.sms_hours or ALL_DAY
            given |= {"own_hours": list(own)}
            given |= _areas(own) if self.follows_law else _areas_without_law(own)
        for place, cap in enumerate(self.caps):
            if cap.conversations is not None:
                given[f"campaign_{place}"] = list(cap.conversations)
        return given

    def _suppression(self, channel: str, address: str, *, by_list: bool) -> list[tuple[str, str]]:
        """Return the refusal of suppressed addresses, where the account has any."""
        if channel not in self.suppressed:
            return []
        forms = address
        if channel in self.erased:
            forms += f", 'sha256:' || encode(sha256(convert_to({address}, 'UTF8')), 'hex')"
        on_list = "suppression.list_id IS NULL"
        if by_list:
            on_list = f"({on_list} OR suppression.list_id = subscription.list_id)"
        asked = f"""EXISTS (
                SELECT FROM messaging_suppression AS suppression
                WHERE suppression.channel = '{channel}'
                    AND suppression.address IN ({forms}) AND {on_list}
            )"""
        return [(asked, Reason.SUPPRESSED)]

    def _holdout(self) -> list[tuple[str, str]]:
        """Return the refusal of those who are held out: a fixed share, by the contact's id."""
        if not self.holdout_percent:
            return []
        draw = "('x' || substr(md5('holdout:' || contact.id::text), 1, 8))::bit(32)::bigint"
        return [(f"mod({draw}, 100) < {int(self.holdout_percent)}", Reason.HOLDOUT)]

    def _capped(self, channel: str, *, ticked: str, before: str, conversation: str) -> str:
        """Return the joins that say until when a contact has had enough; "" without caps."""
        mine = [(place, cap) for place, cap in enumerate(self.caps) if cap.counts(channel)]
        if not mine:
            return ""
        counts, ticks, until = [], [], []
        for place, cap in mine:
            narrow = "" if cap.channel == "any" else f" AND {{of}}.channel = '{cap.channel}'"
            applies = "TRUE"
            if cap.conversations is not None:
                narrow += f" AND {{of}}.conversation_id = ANY(%(campaign_{place})s::bigint[])"
                applies = f"{conversation} = ANY(%(campaign_{place})s::bigint[])"
            since = f"earlier.at >= calendar.{cap.period}_start"
            counts.append(
                f"count(*) FILTER (WHERE {since}{narrow.format(of='earlier')}) AS cap_{place}"
            )
            ticks.append(f"count(*) FILTER (WHERE TRUE{narrow.format(of='one')}) AS cap_{place}")
            more = f" + coalesce(ticked.cap_{place}, 0)" if ticked else ""
            until.append(
                f"CASE WHEN counted.cap_{place}{more} >= {int(cap.most)} AND {applies} "
                f"THEN calendar.{cap.period}_end END"
            )
        joins = COUNTED.format(counts=", ".join(counts), before=before)
        if ticked:
            joins += TICKED.format(ticks=", ".join(ticks), ticked=ticked)
        return (
            joins + f"\nCROSS JOIN LATERAL (SELECT greatest({', '.join(until)}) AS until) AS capped"
        )


# The contact's day and week, and how many messages it has had in them. What waits to be sent
# counts as of now; what may have arrived (`unknown`) has arrived.
COUNTED = """
CROSS JOIN LATERAL (
    SELECT
        local_instant(date_trunc('day', own.wall), own.zone) AS day_start,
        local_instant(date_trunc('day', own.wall) + interval '1 day', own.zone) AS day_end,
        local_instant(date_trunc('week', own.wall), own.zone) AS week_start,
        local_instant(date_trunc('week', own.wall) + interval '7 days', own.zone) AS week_end
    FROM (
        SELECT asked.zone, %(now)s::timestamptz AT TIME ZONE asked.zone AS wall
        FROM (SELECT zone_or(contact.time_zone, %(account_zone)s) AS zone OFFSET 0) AS asked
        OFFSET 0
    ) AS own
    OFFSET 0
) AS calendar
CROSS JOIN LATERAL (
    SELECT {counts}
    FROM (
        SELECT
            sent.id,
            sent.state,
            sent.channel,
            sent.conversation_id,
            CASE
                WHEN sent.state IN ('queued', 'sending') THEN %(now)s::timestamptz
                ELSE coalesce(sent.sent_at, greatest(sent.queued_at, sent.not_before))
            END AS at
        FROM messaging_delivery AS sent
        WHERE sent.contact_id = contact.id
            AND sent.state IN ('queued', 'sending', 'sent', 'unknown')
            AND NOT sent.is_transactional
            AND NOT sent.is_test
    ) AS earlier
    WHERE {before}
) AS counted
"""
TICKED = """
LEFT JOIN (
    SELECT one.contact_id, {ticks} FROM ({ticked}) AS one GROUP BY one.contact_id
) AS ticked ON ticked.contact_id = contact.id
"""
QUIET_EMAIL = """
CROSS JOIN LATERAL (
    SELECT quiet_until(
        %(now)s::timestamptz,
        ARRAY[zone_or(contact.time_zone, %(account_zone)s)],
        %(own_hours)s::smallint[]
    ) AS until
    OFFSET 0
) AS quiet
"""
# The contact's own zone, else all that its area code may mean, else the account's.
QUIET_SMS = """
LEFT JOIN unnest(
    %(area_codes)s::text[], %(area_zones)s::text[], %(area_hours)s::text[]
) AS area (code, zones, hours)
    ON area.code = substr(phone_subscription.phone_e164, 3, 3)
    AND phone_subscription.phone_e164 LIKE '+1%%'
CROSS JOIN LATERAL (
    SELECT quiet_until(
        %(now)s::timestamptz,
        CASE
            WHEN valid_zone(contact.time_zone) THEN ARRAY[contact.time_zone::text]
            ELSE coalesce(string_to_array(area.zones, ' '), ARRAY[%(account_zone)s::text])
        END,
        coalesce(area.hours::smallint[], %(own_hours)s::smallint[])
    ) AS until
    OFFSET 0
) AS quiet
"""

# In this order.
EMAIL_REFUSALS: list[tuple[str, str]] = [
    ("contact.id IS NULL", Reason.CONTACT_DELETED),
    ("contact.email_norm = ''", Reason.MISSING_ADDRESS),
    ("position('@' IN contact.email_norm) < 2", Reason.INVALID_ADDRESS),
    ("subscription.id IS NULL", Reason.NOT_IN_LIST),
    ("subscription.state = 'Pending'", Reason.PENDING_DOUBLE_OPT_IN),
    ("subscription.state <> 'Subscribed'", Reason.SUPPRESSED),
]
SMS_REFUSALS: list[tuple[str, str]] = [
    ("phone_subscription.id IS NULL", Reason.NO_CONSENT),
    ("phone_subscription.state = 'Unsubscribed'", Reason.SUPPRESSED),
    (
        "phone_subscription.pending_age_gate AND NOT phone_subscription.pending_double_opt_in",
        Reason.AGE_GATE,
    ),
    (
        "phone_subscription.state <> 'Subscribed' OR phone_subscription.pending_double_opt_in",
        Reason.PENDING_DOUBLE_OPT_IN,
    ),
]
LOAD = """
    SELECT
        account.time_zone,
        rules.id IS NOT NULL,
        rules.email_opens,
        rules.email_closes,
        rules.sms_opens,
        rules.sms_closes,
        rules.follows_law,
        rules.holdout_percent,
        rules.most_a_day,
        ARRAY(
            SELECT channels.channel
            FROM (VALUES ('email'), ('sms')) AS channels (channel)
            WHERE EXISTS (
                SELECT FROM messaging_suppression AS suppression
                WHERE suppression.channel = channels.channel
            )
        ),
        ARRAY(
            SELECT channels.channel
            FROM (VALUES ('email'), ('sms')) AS channels (channel)
            WHERE EXISTS (
                SELECT FROM messaging_suppression AS suppression
                WHERE suppression.channel = channels.channel AND suppression.reason = 'erased'
            )
        ),
        (
            SELECT json_agg(json_build_array(cap.channel, cap.period, cap.most, cap.campaign) ORDER BY cap.id)
            FROM messaging_frequencycap AS cap
        )
    FROM accounts_account AS account
    LEFT JOIN messaging_sendingrules AS rules ON TRUE
"""
SENT_TODAY = """
    SELECT counted.number
    FROM messaging_sentcount AS counted
    WHERE counted.day = (%(now)s::timestamptz AT TIME ZONE %(zone)s)::date
"""


def load_policy(*, now: datetime) -> Policy:
    """Read what the current account allows itself: one statement, two with limits or campaigns."""
    row = sql.fetch_one(LOAD)
    if row is None:
        raise LookupError("Eligibility is asked inside an account.")
    zone, has_rules, *hours, follows_law, holdout, most_a_day, suppressed, erased, caps = row
    email_opens, email_closes, sms_opens, sms_closes = hours
    sent_today = 0
    if most_a_day:
        sent_today = int(sql.fetch_value(SENT_TODAY, now=now, zone=zone) or 0)
    return Policy(
        now=now,
        zone=zone,
        caps=_caps(caps or []),
        email_hours=window(email_opens, email_closes) if email_opens or email_closes else None,
        sms_hours=window(sms_opens, sms_closes) if sms_opens or sms_closes else None,
        follows_law=bool(follows_law) if has_rules else True,
        holdout_percent=holdout or 0,
        suppressed=frozenset(suppressed),
        erased=frozenset(erased),
        most_a_day=most_a_day or 0,
        sent_today=sent_today,
    )


def _caps(rows: Sequence[Sequence[Any]]) -> tuple[Cap, ...]:
    names = sorted({row[3] for row in rows if row[3]})
    ids: dict[str, list[int]] = {name: [] for name in names}
    for find in CAMPAIGNS.values() if names else []:
        for name, found in find(names).items():
            ids[name] += found
    return tuple(
        Cap(channel, period, most, tuple(ids[campaign]) if campaign else None)
        for channel, period, most, campaign in rows
    )


@cache
def _areas(own: Hours) -> Mapping[str, Any]:
    """Return the area codes with their zones and hours, the account's own among them."""
    found = [
        (area.code, " ".join(area.zones), strictest([own, hours_of(area.region)]))
        for area in area_codes().values()
    ]
    return _as_params(found)


@cache
def _areas_without_law(own: Hours) -> Mapping[str, Any]:
    return _as_params([(one.code, " ".join(one.zones), own) for one in area_codes().values()])


def _as_params(found: Sequence[tuple[str, str, Hours]]) -> Mapping[str, Any]:
    return {
        "area_codes": [code for code, _, _ in found],
        "area_zones": [zones for _, zones, _ in found],
        "area_hours": ["{" + ",".join(map(str, hours)) + "}" for _, _, hours in found],
    }


def _case(cases: Sequence[tuple[str, str]]) -> str:
    """Return the first reason whose condition holds, as SQL."""
    whens = "\n".join(
        f"            WHEN {condition} THEN '{reason}'" for condition, reason in cases
    )
    return f"CASE\n{whens}\n        END"


def email_refusal() -> str:
    """
    Return the SQL expression of why an email to a contact is refused by consent, or NULL.

    Needs the aliases `subscription` (contacts_subscription, of the list that sends) and
    `contact` (contacts_contact); either may come from a LEFT JOIN and be missing.
    """
    return _case(EMAIL_REFUSALS)


def sms_refusal() -> str:
    """
    Return the SQL expression of why a text to a *valid* number is refused by consent, or NULL.

    Needs the alias `phone_subscription`:

        LEFT JOIN messaging_phonesubscription AS phone_subscription
            ON phone_subscription.phone_list_id = <the step's phone list>
            AND phone_subscription.phone_e164 = <the number, E.164>

    whoever the contact is. Whether the number is there and valid (`missing address`,
    `invalid address`) is for the caller to say first: it has parsed it.
    """
    return _case(SMS_REFUSALS)
