-- plan_for: plan what follows in this transaction for few rows, or for many.
--
-- For few, everything is looked up by an index, whatever the tables held when a plan was made
-- that is kept.
--
-- Params  many text ('on' or 'off')
-- Returns nothing
-- Locks   none
SELECT
    set_config('enable_seqscan', %(many)s, TRUE) AS by_scan,
    set_config('enable_bitmapscan', %(many)s, TRUE) AS by_bitmap,
    set_config('enable_hashjoin', %(many)s, TRUE) AS by_hash,
    set_config('enable_mergejoin', %(many)s, TRUE) AS by_merge;
