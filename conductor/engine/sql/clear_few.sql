-- clear_few: empty the tick's tables, where there is little in them.
--
-- Params  none
-- Returns nothing
-- Locks   none
WITH no_arrivals AS (DELETE FROM arrivals),

no_outbox AS (DELETE FROM outbox),

no_facts AS (DELETE FROM facts)

DELETE FROM enrolled;
