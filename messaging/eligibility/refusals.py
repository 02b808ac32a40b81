"""Whom nothing goes to: consent, suppression, the group that is held out."""

from messaging.eligibility.verdict import Case
from messaging.reasons import Reason

# In this order. Of the aliases `contact` and `subscription` either may be missing (LEFT JOIN).
EMAIL: tuple[Case, ...] = (
    ("contact.id IS NULL", Reason.CONTACT_DELETED),
    ("contact.email_norm = ''", Reason.MISSING_ADDRESS),
    ("position('@' IN contact.email_norm) < 2", Reason.INVALID_ADDRESS),
    ("subscription.id IS NULL", Reason.NOT_IN_LIST),
    ("subscription.state = 'Pending'", Reason.PENDING_DOUBLE_OPT_IN),
    ("subscription.state <> 'Subscribed'", Reason.SUPPRESSED),
)
# A list that is not active any more sends nothing, whoever agreed to it.
INACTIVE: Case = (
    """EXISTS (
                SELECT FROM messaging_phonelist AS closed
                WHERE closed.id = phone_subscription.phone_list_id AND NOT closed.is_active
            )""",
    Reason.NO_CONSENT,
)


def sms(*, asks: str, nobodys: str, some_inactive: bool) -> list[Case]:
    """
    Return the refusals of a text to a *valid* number: aliases `contact`, `phone_subscription`.

    `asks` and `nobodys` are SQL booleans: whether the text is the question that makes a
    pending consent a whole one, and whether it may go to a number that is no contact's. Whether
    the number is there and valid is for the caller to say first: it has parsed it.
    """
    pending = (
        "(phone_subscription.state <> 'Subscribed' OR phone_subscription.pending_double_opt_in)"
    )
    gated = "phone_subscription.pending_age_gate AND NOT phone_subscription.pending_double_opt_in"
    is_question = asks != "FALSE"
    found: list[Case] = [
        (_but("contact.id IS NULL", nobodys), Reason.CONTACT_DELETED),
        ("phone_subscription.id IS NULL", Reason.NO_CONSENT),
    ]
    if some_inactive:
        found.append(INACTIVE)
    found.append(("phone_subscription.state = 'Unsubscribed'", Reason.SUPPRESSED))
    if is_question:
        found.append((f"{asks} AND NOT {pending}", Reason.DUPLICATE))
    found += [
        (_but(gated, asks), Reason.AGE_GATE),
        (_but(pending, asks), Reason.PENDING_DOUBLE_OPT_IN),
    ]
    return found


def _but(condition: str, exception: str) -> str:
    return condition if exception == "FALSE" else f"{condition} AND NOT {exception}"


def suppressed(
    channel: str, address: str, *, in_list: str = "", with_erased: bool = False
) -> list[Case]:
    """
    Return the refusal of suppressed addresses.

    `address` and `in_list` are SQL: the address, and the list whose own suppressions count
    besides the account's.
    """
    forms = address
    if with_erased:
        forms += f", 'sha256:' || encode(sha256(convert_to({address}, 'UTF8')), 'hex')"
    where = "suppression.list_id IS NULL"
    if in_list:
        where = f"({where} OR suppression.list_id = {in_list})"
    asked = f"""EXISTS (
                SELECT FROM messaging_suppression AS suppression
                WHERE suppression.channel = '{channel}'
                    AND suppression.address IN ({forms}) AND {where}
            )"""
    return [(asked, Reason.SUPPRESSED)]


def held_out(percent: int) -> list[Case]:
    """Return the refusal of those who are held out: a fixed share, by the contact's id."""
    if not percent:
        return []
    draw = "('x' || substr(md5('holdout:' || contact.id::text), 1, 8))::bit(32)::bigint"
    return [(f"mod({draw}, 100) < {int(percent)}", Reason.HOLDOUT)]
