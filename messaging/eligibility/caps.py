"""How often one contact is written to: at most so many in a day or a week of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.tenancy import sql


@dataclass(frozen=True)
class Cap:
    """
    At most `most` messages a day or a week; see FrequencyCap.

    `conversations` and `broadcasts` are those of its campaign, None for whatever message.
    """

    channel: str
    period: str
    most: int
    conversations: tuple[int, ...] | None = None
    broadcasts: tuple[int, ...] | None = None

    def counts(self, channel: str) -> bool:
        """Say whether messages of a channel fall under it."""
        return self.channel in {channel, "any"}


# Who knows which conversations are of a campaign: names -> their ids.
CAMPAIGNS: dict[str, Callable[[Sequence[str]], Mapping[str, Sequence[int]]]] = {}

# Other messages of this tick, not yet written: a relation of contact_id, channel,
# conversation_id, broadcast_id. Steps have one, the claim and previews have not.
OF_THIS_TICK = """
    SELECT outbox.contact_id, outbox.channel, enrolled.conversation_id, NULL::bigint AS broadcast_id
    FROM outbox
    INNER JOIN enrolled ON enrolled.id = outbox.enrollment_id
    WHERE outbox.reason IS NULL AND outbox.held_until IS NULL AND NOT outbox.is_transactional
"""
# Of a contact's other messages those that are queued before it: at the claim, where each is
# asked one by one, in the order in which they were queued.
QUEUED_BEFORE = "(earlier.state <> 'queued' OR earlier.id < delivery.id)"

# The contact's day and week, and how many messages it has had in them. What waits to be sent
# counts as of now; what may have arrived (`unknown`) has arrived. Each part reads a stretch of
# delivery_by_contact (account, contact, state, sent_at): what is older than the longest period
# is not read, however much there is of it.
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
            waiting.id,
            waiting.state,
            waiting.channel,
            waiting.conversation_id,
            waiting.broadcast_id,
            %(now)s::timestamptz AS at
        FROM messaging_delivery AS waiting
        WHERE waiting.contact_id = contact.id
            AND waiting.state IN ('queued', 'sending')
            AND NOT waiting.is_transactional
            AND NOT waiting.is_test
        UNION ALL
        SELECT
            sent.id,
            sent.state,
            sent.channel,
            sent.conversation_id,
            sent.broadcast_id,
            sent.sent_at
        FROM messaging_delivery AS sent
        WHERE sent.contact_id = contact.id
            AND sent.state IN ('sent', 'unknown')
            AND sent.sent_at >= calendar.{since}_start
            AND NOT sent.is_transactional
            AND NOT sent.is_test
        UNION ALL
        SELECT
            lost.id,
            lost.state,
            lost.channel,
            lost.conversation_id,
            lost.broadcast_id,
            greatest(lost.queued_at, lost.not_before)
        FROM messaging_delivery AS lost
        WHERE lost.contact_id = contact.id
            AND lost.state IN ('sent', 'unknown')
            AND lost.sent_at IS NULL
            AND NOT lost.is_transactional
            AND NOT lost.is_test
    ) AS earlier
    WHERE {before}
) AS counted
"""
TICKED = """
LEFT JOIN (
    SELECT one.contact_id, {ticks} FROM ({ticked}) AS one GROUP BY one.contact_id
) AS ticked ON ticked.contact_id = contact.id
"""


# Whether a message is of a cap's campaign; NULL, as of a message that is of neither, is not.
OF_CAMPAIGN = """coalesce(
            {conversation} = ANY(%(campaign_{place})s::bigint[])
            OR {broadcast} = ANY(%(campaign_broadcasts_{place})s::bigint[]),
            FALSE
        )"""


def capped(
    caps: Sequence[Cap],
    channel: str,
    *,
    ticked: str,
    before: str,
    conversation: str,
    broadcast: str,
    limits: str = "",
) -> str:
    """
    Return the joins that say until when a contact has had enough; "" without caps.

    `ticked` is a relation like `OF_THIS_TICK` or "", `before` a condition like `QUEUED_BEFORE`,
    `conversation` and `broadcast` what the message is of: all SQL. `limits` are the joins of a
    phone list's own limit (`limited`), or "".
    """
    mine = [(place, cap) for place, cap in enumerate(caps) if cap.counts(channel)]
    if not mine and not limits:
        return ""
    counts, ticks, until = [], [], []
    for place, cap in mine:
        narrow = "" if cap.channel == "any" else f" AND {{of}}.channel = '{cap.channel}'"
        applies = "TRUE"
        if cap.conversations is not None:
            of_campaign = OF_CAMPAIGN.format(
                conversation="{of}.conversation_id", broadcast="{of}.broadcast_id", place=place
            )
            narrow += f" AND {of_campaign}"
            applies = OF_CAMPAIGN.format(
                conversation=conversation, broadcast=broadcast, place=place
            )
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
    joins = limits
    if limits:
        until.append("limited.until")
    if mine:
        longest = "week" if any(cap.period == "week" for _, cap in mine) else "day"
        joins += COUNTED.format(counts=", ".join(counts), before=before, since=longest)
    if mine and ticked:
        joins += TICKED.format(ticks=", ".join(ticks), ticked=ticked)
    return joins + f"\nCROSS JOIN LATERAL (SELECT greatest({', '.join(until)}) AS until) AS capped"


# Until when a number has had enough of its phone list: at most so many texts that are not
# transactional in a day, a week or a month of the contact's zone. Counted as for caps; of a number
# that is nobody's nothing is counted.
LIMITED = """
LEFT JOIN LATERAL (
    SELECT allowed.period_end AS until
    FROM (
        SELECT
            own.id,
            own.most,
            local_instant(date_trunc(own.period, own.wall), own.zone) AS period_start,
            local_instant(
                date_trunc(own.period, own.wall) + ('1 ' || own.period)::interval, own.zone
            ) AS period_end
        FROM (
            SELECT
                phone_list.id,
                phone_list.message_limit AS most,
                lower(phone_list.message_limit_time_frame) AS period,
                asked.zone,
                %(now)s::timestamptz AT TIME ZONE asked.zone AS wall
            FROM messaging_phonelist AS phone_list
            CROSS JOIN (SELECT zone_or(contact.time_zone, %(account_zone)s) AS zone) AS asked
            WHERE phone_list.id = phone_subscription.phone_list_id AND phone_list.message_limit > 0
        ) AS own
    ) AS allowed
    WHERE (
        SELECT count(*)
        FROM messaging_delivery AS earlier
        WHERE earlier.contact_id = contact.id
            AND earlier.phone_list_id = allowed.id
            AND earlier.address = phone_subscription.phone_e164
            AND NOT earlier.is_transactional
            AND NOT earlier.is_test
            AND (
                earlier.state IN ('queued', 'sending')
                OR (
                    earlier.state IN ('sent', 'unknown')
                    AND coalesce(earlier.sent_at, greatest(earlier.queued_at, earlier.not_before))
                        >= allowed.period_start
                )
            )
            AND {before}
    ) >= allowed.most
) AS limited ON TRUE
"""


def limited(*, before: str) -> str:
    """Return the joins of the phone lists' own limits; `before` as for `capped`."""
    return LIMITED.format(before=before)


def campaign_params(caps: Sequence[Cap]) -> dict[str, Any]:
    """Return the parameters of caps of a campaign: the ids of its conversations and broadcasts."""
    params = {}
    for place, cap in enumerate(caps):
        if cap.conversations is not None:
            params[f"campaign_{place}"] = list(cap.conversations)
            params[f"campaign_broadcasts_{place}"] = list(cap.broadcasts or ())
    return params


def as_caps(rows: Sequence[Sequence[Any]], *, now: datetime) -> tuple[Cap, ...]:
    """Return the caps of rows of channel, period, most and campaign."""
    names = sorted({row[3] for row in rows if row[3]})
    conversations: dict[str, list[int]] = {name: [] for name in names}
    broadcasts: dict[str, list[int]] = {name: [] for name in names}
    for find in CAMPAIGNS.values() if names else []:
        for name, found in find(names).items():
            conversations[name] += found
    for name, number in _broadcasts(names, now):
        broadcasts[name].append(number)
    return tuple(
        Cap(channel, period, most, tuple(conversations[name]), tuple(broadcasts[name]))
        if name
        else Cap(channel, period, most)
        for channel, period, most, name in rows
    )


def _broadcasts(names: Sequence[str], now: datetime) -> Sequence[tuple[str, int]]:
    if not names:
        return []
    statement = sql.statement("messaging", "broadcasts_of_campaigns")
    return [(row[0], row[1]) for row in sql.fetch_all(statement, names=list(names), now=now)]
