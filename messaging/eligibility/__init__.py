"""
Who may be written to, and when: one set of SQL expressions for counts, steps and sending.

A refusal is a reason from a closed list (`Reason`); the expressions give it, or NULL for
somebody who may be written to. Who may be, but not now (quiet hours, a cap), is held until
an instant. `load_policy` reads what the account allows itself; its verdicts are asked when a
step runs and again when the message is claimed for sending, since consent can be withdrawn
in between. Counts of an audience ask the same of everybody in it (`audiences`). An account
without caps and hours asks no more than consent costs.
"""

from messaging.eligibility.audiences import count_by_reason, most_first, within_limit
from messaging.eligibility.caps import CAMPAIGNS, OF_THIS_TICK, QUEUED_BEFORE, Cap
from messaging.eligibility.loading import load_policy
from messaging.eligibility.policy import Policy
from messaging.eligibility.verdict import Verdict
from messaging.reasons import Reason, sentence

__all__ = [
    "CAMPAIGNS",
    "OF_THIS_TICK",
    "QUEUED_BEFORE",
    "Cap",
    "Policy",
    "Reason",
    "Verdict",
    "count_by_reason",
    "load_policy",
    "most_first",
    "sentence",
    "within_limit",
]
