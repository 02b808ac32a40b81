"""
Webhooks that an account subscribes to: what happens to its contacts is told to its endpoints.

What happened is noted where an endpoint listens, in the transaction of the fact: as a row of
`Happening`, and one of `Pending` for each endpoint that hears of its kind (`noting`). Who enters
and leaves conversations is read behind the engine, by a keyed cursor (`reading`).

`delivering` takes what is pending in batches, each a `Call` that keeps its events and its
`Idempotency-Key` through all attempts: nothing is lost, what is told twice has the same id.
"""
