-- count_goals: how many came to the goal in this tick, by their conversation's goal or a goal step.
--
-- They stand among the exits counted, at no step: the visit itself leaves by `end`.
--
-- Params  programs json [{version_id, conversation_id}],
--         exits json [{version_id, step_key, exit, reason}]: every exit of the steps passed, with
--         a reason where it ends the enrollment
-- Returns nothing
-- Locks   none
INSERT INTO conversations_flow (conversation_id, version_id, step_key, exit, visits)
SELECT
    program.conversation_id,
    arrivals.version_id,
    '',
    'goal',
    count(*)
FROM arrivals
INNER JOIN jsonb_to_recordset(%(programs)s::jsonb) AS program (version_id bigint, conversation_id bigint)
    ON program.version_id = arrivals.version_id
LEFT JOIN jsonb_to_recordset(%(exits)s::jsonb) AS way (
    version_id bigint, step_key text, exit text, reason text
)
    ON
        way.version_id = arrivals.version_id
        AND way.step_key = arrivals.step_key
        AND way.exit = arrivals.exit
WHERE arrivals.exit IS NOT NULL AND coalesce(arrivals.end_reason, way.reason) = 'goal'
GROUP BY program.conversation_id, arrivals.version_id;
