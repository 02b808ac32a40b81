"""
Sending: claim, render, hand over, write down; what may be lost or repeated at each point.

1. `reserve`: what the provider allows now is taken of its row, in a transaction of its own.
   Killed here or later: the lease ends by itself after a minute.
2. `claim`: one transaction turns queued deliveries into `sending`, with the sender's name,
   the time and the attempt, after eligibility was asked again. It is committed before
   any provider hears of them. Killed here: nothing happened.
3. `compose`, `finishing`: outside of any transaction the messages are filled in and put together,
   some at a time, while those before them are on their way. Killed here, or later: the batch is settled by another
   sender when this one has not beaten for 60 s.
4. the provider sends, one outcome at a time.
5. `write_outcomes`: one UPDATE a batch, only over rows that are still this sender's.

Settling: what an idempotent provider (the sandbox) held is queued again; what another
held becomes `unknown` and is parked, unless its step says `unknown: resend`: settled by hand,
or by what the provider tells later.
"""
