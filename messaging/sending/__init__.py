"""
Sending: claim, render, hand over, write down; what may be lost or repeated at each point.

1. `claim`: one transaction turns queued deliveries into `sending`, with the sender's name,
   the time and the attempt, after eligibility was asked again. It is committed before
   any provider hears of them. Killed here: nothing happened.
2. `compose`: outside of any transaction the messages are filled in. Killed here, or
   later: the batch is settled by another sender when this one has not beaten for 60 s.
3. the provider sends, one outcome at a time.
4. `write_outcomes`: one UPDATE a batch, only over rows that are still this sender's.

Settling: what an idempotent provider (the sandbox) held is queued again; what another
held becomes `unknown` and is parked, unless its step says `unknown: resend`.
"""
