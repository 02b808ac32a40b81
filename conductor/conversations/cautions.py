"""
What the messages of a conversation say that their marketer should know of before it runs.

It keeps nobody from publishing: a name that there is not is left empty, and a marketing email
without an address or a way out gets the standard footer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conductor.conversations.coupons import coupons_given
from conductor.conversations.document import Document
from conductor.conversations.names import ListNames
from conductor.conversations.problems import Problem
from conductor.steps import MessageUse
from messaging import wording
from messaging.models import CommittedMessage
from messaging.tracking.plans import plan_of
from messaging.tracking.rules import Rules, rules_of

LACKED = {"address": "the postal address", "unsubscribe": "an unsubscribe link"}


def find_cautions(
    document: Document, names: ListNames, commits: Mapping[str, int]
) -> list[Problem]:
    """Return what is noted of the messages as they would be sent now, in file order."""
    committed = CommittedMessage.objects.in_bulk(set(commits.values()))
    rules = rules_of(names.list, names.list.account)
    coupons = coupons_given(document)
    known: dict[str, wording.Names] = {}
    found = []
    for path, thread, step in document.places():
        use = step.type.message(step.config)
        if use is None:
            continue
        if use.channel not in known:
            known[use.channel] = wording.names_of(names.list, use.channel)
        kept = committed.get(commits.get(step.key, 0))
        content = {**(kept.content if kept and use.saved else {}), **use.overrides}
        is_transaction = bool(getattr(step.config, "transactional", False))
        said = [
            *unknown_cautions(content, known[use.channel]),
            *coupon_cautions(content, step.key in coupons),
            *footer_cautions(use, content, rules, is_transaction=is_transaction),
        ]
        where = f"{path}.{step.kind}"
        found += [Problem(where, thread.name, step.key, code, text) for code, text in said]
    return found


def unknown_cautions(content: Mapping[str, Any], known: wording.Names) -> Iterator[tuple[str, str]]:
    """Name what the templates name and there is not."""
    for warned in wording.warnings_of(content, known):
        yield "unknown_name", str(warned)


def coupon_cautions(content: Mapping[str, Any], is_given: bool) -> Iterator[tuple[str, str]]:  # noqa: FBT001
    """Find a message that shows a coupon where nobody gets one."""
    if wording.names(content, "coupon") and not is_given:
        text = "The message shows a coupon, and no step gives one: it is left empty."
        yield "no_coupon", text


def footer_cautions(
    use: MessageUse, content: Mapping[str, Any], rules: Rules, *, is_transaction: bool
) -> Iterator[tuple[str, str]]:
    """Find an email that gets the standard footer, and say for want of what."""
    if use.channel != "email" or not content:
        return
    missing = plan_of(content, name="", rules=rules, transactional=is_transaction).missing
    lacked = [LACKED[one] for one in missing]
    if lacked:
        text = f"The email lacks {' and '.join(lacked)}: it is sent with the standard footer."
        yield "standard_footer", text
