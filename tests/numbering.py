"""
Ids that begin anywhere: nothing may hang on those that a fresh database gives.

In the usual order (`CONDUCTOR_TEST_SEED` unset, or 1) they begin with 1, as at a first start.
"""

import os
from random import Random

import psycopg

# As after some years; links in texts are previewed for such ids.
MOST = 1_000_000
BEGIN = """
    SELECT
        setval(
            format('%%I.%%I', numbers.schemaname, numbers.sequencename)::regclass,
            greatest(coalesce(numbers.last_value, 1), ceil(random() * %(most)s)::bigint)
        )
    FROM pg_sequences AS numbers
    WHERE numbers.schemaname = 'public' AND numbers.data_type = 'bigint'::regtype
"""


def begin_anywhere(owner_url: str, database: str, worker: str) -> None:
    """Have each table's ids begin where the seed of this run says, for each worker elsewhere."""
    seed = os.environ.get("CONDUCTOR_TEST_SEED", "1")
    if seed == "1":
        return
    with psycopg.connect(owner_url, dbname=database, autocommit=True) as connection:
        connection.execute("SELECT setseed(%s)", [Random(f"{seed} {worker}").random()])
        connection.execute(BEGIN, {"most": MOST})
