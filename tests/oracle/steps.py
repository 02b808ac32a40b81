"""
What each kind of step does with one person.

Each function takes somebody at a step and says what comes of it: `Leave` by an exit, `Stay`
until a time, `Hold` for a reason, or `End`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import phonenumbers

from tests.oracle.actions import run_action
from tests.oracle.conversations import Delivery, Enrollment
from tests.oracle.outcomes import At, End, Leave, Outcome, Stay, draw
from tests.oracle.people import SUBSCRIBED, UNSUBSCRIBED, empty
from tests.oracle.permission import permit
from tests.oracle.rules import reads
from tests.oracle.things import Call
from tests.oracle.waits import run_wait, run_wait_for


def run_trigger(at: At) -> Outcome:
    return Leave("next")


def run_terminate(at: At) -> Outcome:
    return End("goal" if (at.config or {}).get("goal") else "terminated")


def run_filter(at: At) -> Outcome:
    return Leave("next" if at.asks(at.config) else "otherwise")


def run_if(at: At) -> Outcome:
    for branch in at.config["branches"]:
        if at.asks(branch["filter"]):
            return Leave(branch["name"])
    return Leave("else")


def run_go_to(at: At) -> Outcome:
    rule = at.config.get("filter")
    return Leave("match" if not rule or at.asks(rule) else "next")


def run_split(at: At) -> Outcome:
    groups = at.config["groups"]
    store = at.config.get("store")
    if store:
        value = at.world.read_field(at.one, store)
        for group in groups:
            if not empty(value) and str(value).strip().lower() == group["name"].strip().lower():
                return Leave(group["name"])
    bounds = [100 * bound for bound in accumulate(group["weight"] for group in groups)]
    number = draw(at.one)
    name = next(
        group["name"] for group, bound in zip(groups, bounds, strict=True) if number < bound
    )
    if store:
        at.world.write_field(at.one, store, name, at.now)
    return Leave(name)


# --- other systems, and scripts


def run_webhook(at: At) -> Outcome:
    """Ask another system; an answer leads on, whatever it says by `next` or `failed`."""
    call = at.world.call_of(at.one)
    if call is None or not at.is_due:
        # Who is sent here again asks anew.
        at.world.calls = [one for one in at.world.calls if one is not call]
        statuses = [int(part) for part in at.config["url"].rpartition("/")[2].split("-")]
        at.world.calls.append(Call(at.one, at.one.step, at.one.visit, at.now, statuses))
        return Stay(at.now + LOOKS_AGAIN)
    if call.outcome is None:
        return Stay(at.now + LOOKS_AGAIN)
    if not 200 <= call.outcome < 300:
        return Leave("failed")
    for name in at.config.get("save_response", {}):
        at.world.write_field(at.one, name, ANSWER, at.now)
    return Leave("next")


LOOKS_AGAIN = timedelta(minutes=10)
ANSWER = "gold"


def run_code(at: At) -> Outcome:
    """Do what the script says, in Python."""
    exit_name, values = SCRIPTS[at.config["source"]](at)
    if exit_name != "failed":
        for name, value in values.items():
            at.world.write_field(at.one, name, value, at.now)
    return Leave(exit_name)


def script_by_lot(at: At) -> tuple[str, dict[str, Any]]:
    return ("low" if draw(at.one) < 5000 else "high"), {}


def script_by_points(at: At) -> tuple[str, dict[str, Any]]:
    points = at.world.read_field(at.one, "Profile.Points") or 0
    return "next", {"Profile.Note": "rich" if points > 3 else "poor"}


def script_by_thread(at: At) -> tuple[str, dict[str, Any]]:
    at.world.read_field(at.one, "Profile.Renewal")
    return ("low" if at.one.thread == "Main" else "high"), {"Profile.Renewal": None}


def script_that_fails(at: At) -> tuple[str, dict[str, Any]]:
    return "failed", {}


SCRIPTS: dict[str, Callable[[At], tuple[str, dict[str, Any]]]] = {
    "return {exit: draw < 5000 ? 'low' : 'high'}": script_by_lot,
    "return {set: {'Profile.Note': (fields['Profile.Points'] || 0) > 3 ? 'rich' : 'poor'}}": (
        script_by_points
    ),
    "return {exit: entry.thread === 'Main' ? 'low' : 'high', set: {'Profile.Renewal': null}}": (
        script_by_thread
    ),
    "return {exit: 'nowhere', set: {'Profile.Note': 'never'}}": script_that_fails,
    "return {set: {'Profile.Points': 'many'}}": script_that_fails,
    "return fields.nothing.at.all": script_that_fails,
}


# --- messages


def run_message(at: At) -> Outcome:
    """Queue an email; a refused at.one is kept with its reason, and nobody waits for it."""
    standing = at.one.person.lists[at.one.conversation.in_list]
    at.one.has_read.add(("standing", at.one.conversation.in_list))
    reason = ""
    if not at.one.person.email:
        reason = "missing address"
    elif standing.state == UNSUBSCRIBED:
        reason = "suppressed"
    elif standing.state != SUBSCRIBED:
        reason = "pending double opt-in"
    elif (at.one.conversation.in_list, at.one.person.email) in at.world.suppressed:
        reason = "suppressed"
    send(at, "email", at.one.person.email, reason, is_marketing=not at.config.get("transactional"))
    return Leave("next")


def run_mobile_message(at: At) -> Outcome:
    """Queue a text; a number that is none may end it."""
    named = at.config.get("phone_field")
    written = at.world.read_field(at.one, named) if named else at.one.person.phone
    written = str(written if written is not None else "").strip()
    address = e164(written)
    reason = ""
    if not written:
        reason = "missing address"
    elif not address:
        reason = "invalid address"
    else:
        reason = CONSENTS[at.world.phones.get(address)]
    is_marketing = at.world.rules.texts == "marketing"
    send(at, "sms", address or written, reason, is_marketing=is_marketing)
    is_bad = reason in {"missing address", "invalid address"}
    if is_bad and at.config.get("invalid_number") == "terminate":
        return End(reason)
    return Leave("next")


CONSENTS = {
    None: "no consent for this list/purpose",
    "Subscribed": "",
    "Unsubscribed": "suppressed",
    "Pending": "pending double opt-in",
    "Age": "age gate",
}


def e164(written: str) -> str:
    """Read a number by the code's country; "" is no valid one."""
    for text in (written, f"+{written}"):
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return ""


def send(at: At, channel: str, address: str, reason: str, *, is_marketing: bool) -> None:
    """Keep a message, or why there is none."""
    one, state = at.one, "skipped" if reason else "queued"
    sent = Delivery(one.step, one.visit, channel, state, reason, address, at.now)
    sent.is_transactional = not is_marketing
    one.deliveries.append(sent)
    if not reason:
        permit(at, sent)
    if is_marketing and sent.state == "queued":
        one.has_written.add(("mail",))


def read_by_rule(world: Any, one: Enrollment, rule: Any) -> None:
    """Note what a rule reads."""
    one.has_read |= reads(rule, one.conversation.in_list, world.segments)


KINDS: dict[str, Callable[[At], Outcome]] = {
    "trigger": run_trigger,
    "filter": run_filter,
    "if": run_if,
    "split": run_split,
    "go_to": run_go_to,
    "wait": run_wait,
    "wait_for": run_wait_for,
    "message": run_message,
    "mobile_message": run_mobile_message,
    "action": run_action,
    "webhook": run_webhook,
    "code": run_code,
    "terminate": run_terminate,
}


def run_step(world: Any, one: Enrollment, now: datetime, *, is_due: bool) -> Outcome:
    """Run the step where a person is."""
    step = one.here()
    return KINDS[step.kind](At(world, one, step, now, is_due))
