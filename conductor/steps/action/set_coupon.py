"""Give the contact a coupon code: of a pool, into a text field that the next message shows.

A unique code goes to one visit only, whatever happens, and needs as many days left as the
pool's cut-off says. A static one goes to everybody while its dates last. A pool that has no
such code gives its fallback code. Without one, and from a pool that is switched off, the
field is cleared and the contact leaves by `no_code`. A test run takes no unique code: it
shows TEST-CODE.
"""

from collections.abc import Mapping
from typing import Any

from conductor.steps import (
    HERE,
    NEXT,
    THESE,
    Arrivals,
    Names,
    NameText,
    StepConfig,
    StepProblem,
    empty,
    hold_here,
)
from conductor.steps.action.act import Act, field_here, field_problems, known_field, write_field
from messaging.models import CouponPool
from messaging.models.coupon import NEVER, PoolKind

NO_CODE = "no_code"
FIELD_TYPES = ("Text", "CommentArea", "ContentBlock")
TODAY = "(%(now)s::timestamptz AT TIME ZONE {zone})::date"

CODE_OF_VISIT = """
    SELECT earlier.code
    FROM messaging_couponcode AS earlier
    WHERE
        earlier.enrollment_id = arrivals.enrollment_id
        AND earlier.step_key = arrivals.step_key
        AND earlier.visit_number = arrivals.visit_number
    LIMIT 1
"""
# Whatever does not expire stands last; the first to expire is the first to go, and those that
# have expired are not looked at.
EXPIRY = (
    f"CASE WHEN free.expires_on IS NULL THEN '{NEVER.isoformat()}'::date ELSE free.expires_on END"
)
# A visit that has its code already (a step that is run again) keeps it. Codes that another
# connection is handing out are passed over. Codes are counted off, and paired with those who ask by their
# place in an array: a join would be a loop over both, by a planner that expects one row.
HAND_OUT = f"""
    WITH asking AS MATERIALIZED (
        SELECT
            array_agg(arrivals.enrollment_id ORDER BY arrivals.enrollment_id) AS enrollments,
            array_agg(arrivals.contact_id ORDER BY arrivals.enrollment_id) AS contacts,
            array_agg(arrivals.visit_number ORDER BY arrivals.enrollment_id) AS visits,
            count(*) AS number
        FROM arrivals
        WHERE {THESE} AND ({CODE_OF_VISIT}) IS NULL
    ),

    taken AS MATERIALIZED (
        SELECT free.id
        FROM messaging_couponcode AS free
        WHERE
            free.pool_id = %(pool_id)s
            AND free.handed_at IS NULL
            AND {EXPIRY} >= {TODAY} + %(cutoff_days)s::integer
        ORDER BY {EXPIRY}, free.id
        LIMIT (SELECT asking.number FROM asking)
        FOR UPDATE SKIP LOCKED
    ),

    counted_off AS MATERIALIZED (
        SELECT taken.id, row_number() OVER (ORDER BY taken.id) AS place FROM taken
    )

    UPDATE messaging_couponcode AS code
    SET
        handed_at = %(now)s,
        contact_id = asking.contacts[counted_off.place],
        enrollment_id = asking.enrollments[counted_off.place],
        step_key = %(step_key)s,
        visit_number = asking.visits[counted_off.place]
    FROM counted_off
    CROSS JOIN asking
    WHERE code.id = counted_off.id
"""
IS_LEFT = f"""
    SELECT EXISTS (
        SELECT
        FROM messaging_couponcode AS free
        WHERE
            free.pool_id = %(pool_id)s
            AND free.handed_at IS NULL
            AND {EXPIRY} >= {TODAY} + %(cutoff_days)s::integer
    )
"""
# What a test run's contacts get of a pool that has codes left: the codes stay.
TEST_CODE = "TEST-CODE"
STATIC_CODE = f"""
    SELECT code.code
    FROM messaging_couponcode AS code
    WHERE
        code.pool_id = %(pool_id)s
        AND code.starts_on <= {TODAY}
        AND code.ends_on >= {TODAY}
    ORDER BY code.starts_on, code.id
    LIMIT 1
"""
OWN_CODE = f"LEFT JOIN LATERAL ({CODE_OF_VISIT}) AS own ON TRUE"
HANDED = "to_jsonb(coalesce(own.code, nullif(%(fallback)s::text, '')))"
SAME_FOR_ALL = "to_jsonb(nullif(%(fallback)s::text, ''))"
LEAVE_WITHOUT = f"""
    UPDATE arrivals
    SET exit = '{NO_CODE}'
    WHERE
        {HERE}
        AND ({CODE_OF_VISIT}) IS NULL
"""

# Why there was no code, as it is counted at the step.
USED_UP = "no coupon code: the pool is used up"
INACTIVE = "no coupon code: the pool is not active"
NONE_TODAY = "no coupon code: none is valid today"


class SetCoupon(StepConfig):
    """A pool, and the field that gets the code."""

    pool: NameText = ""
    field: NameText = ""


class SetCouponAct(Act[SetCoupon]):
    """Hand out a code."""

    name = "set_coupon"
    place = 4
    label = "Give a coupon code"
    Setting = SetCoupon

    def sentence(self, setting: SetCoupon) -> str:
        """Name pool and field."""
        if not setting.pool or not setting.field:
            return ""
        return f"Set {setting.field} to a coupon code of {setting.pool}"

    def exits(self) -> dict[str, str]:
        """Name the ways out: with a code, and without."""
        return {"next": NEXT, NO_CODE: NEXT}

    def problems(self, setting: SetCoupon, names: Names) -> list[StepProblem]:
        """Find a missing or unknown pool, and a field that holds no text."""
        return [
            *_pool_problems(setting.pool, names),
            *field_problems(
                "set_coupon.field", setting.field, names, of_type=FIELD_TYPES, kind="text"
            ),
        ]

    def compile(self, setting: SetCoupon, names: Names) -> dict[str, Any]:
        """Return ids for pool and field."""
        pool = names.pool(setting.pool)
        if pool is None:
            raise ValueError("Only a step without problems is compiled.")
        return {"pool_id": pool.pk, "field_id": known_field(names, setting.field).pk}

    def execute(self, arrivals: Arrivals, settings: Mapping[str, Any]) -> None:
        """Give everybody here a code."""
        if field_here(arrivals, settings["field_id"]) is None:
            return
        pool = CouponPool.objects.filter(pk=settings["pool_id"]).first()
        if pool is None:
            hold_here(arrivals, "the coupon pool is gone")
        elif not pool.is_active:
            _give_all(arrivals, settings["field_id"], "", INACTIVE)
        elif pool.kind == PoolKind.STATIC:
            zone = arrivals.zone("account")
            rows = arrivals.fetch(STATIC_CODE.format(zone=zone), pool_id=pool.pk)
            code = rows[0][0] if rows else pool.fallback_code
            _give_all(arrivals, settings["field_id"], code, NONE_TODAY)
        elif arrivals.is_rehearsal:
            _give_all(arrivals, settings["field_id"], _test_code(arrivals, pool), USED_UP)
        else:
            _give_each(arrivals, settings["field_id"], pool)


def _give_all(arrivals: Arrivals, field_id: int, code: str, why_none: str) -> None:
    """Give everybody the same code, "" being none; `why_none` is what is counted then."""
    write_field(arrivals, field_id, SAME_FOR_ALL, fallback=code)
    if not code:
        without = arrivals.run(f"UPDATE arrivals SET exit = '{NO_CODE}' WHERE {HERE}")
        arrivals.tally(why_none, without)


def _test_code(arrivals: Arrivals, pool: CouponPool) -> str:
    """Return what a test run shows: a code that is none, or what an empty pool gives."""
    ((is_left,),) = arrivals.fetch(
        IS_LEFT.format(zone=arrivals.zone("account")),
        pool_id=pool.pk,
        cutoff_days=pool.cutoff_days,
    )
    return TEST_CODE if is_left else pool.fallback_code


def _give_each(arrivals: Arrivals, field_id: int, pool: CouponPool) -> None:
    """Give each a code of its own, as long as there are any."""
    arrivals.run(
        HAND_OUT.format(zone=arrivals.zone("account")),
        pool_id=pool.pk,
        cutoff_days=pool.cutoff_days,
    )
    write_field(arrivals, field_id, HANDED, joins=OWN_CODE, fallback=pool.fallback_code)
    if not pool.fallback_code and (without := arrivals.run(LEAVE_WITHOUT)):
        arrivals.tally(USED_UP, without)


def _pool_problems(name: str, names: Names) -> list[StepProblem]:
    path = "set_coupon.pool"
    if not name:
        return [empty(path, "Choose the coupon pool.")]
    if names.pool(name) is None:
        text = f"There is no coupon pool named “{name}” in this account."
        return [StepProblem(path, "unknown_pool", text)]
    return []


ACT = SetCouponAct()
