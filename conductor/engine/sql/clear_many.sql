-- clear_many: empty the tick's tables, and give back their room.
--
-- Params  none
-- Returns nothing
-- Locks   none: they are the session's own
TRUNCATE enrolled, arrivals, outbox, facts;
