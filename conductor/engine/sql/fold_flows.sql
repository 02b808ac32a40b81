-- fold_flows: make one row of all that count the same exit, so that they stay few.
--
-- Params  none
-- Returns nothing
-- Locks   the rows replaced; the caller has the account's turn, so that no tick writes others
WITH many AS MATERIALIZED (
    SELECT
        flow.id,
        count(*) OVER (
            PARTITION BY flow.conversation_id, flow.version_id, flow.step_key, flow.exit
        ) AS rows_of_it
    FROM conversations_flow AS flow
),

gone AS (
    DELETE FROM conversations_flow AS flow
    USING many
    WHERE many.rows_of_it > 1 AND many.id = flow.id
    RETURNING flow.conversation_id, flow.version_id, flow.step_key, flow.exit, flow.visits
)

INSERT INTO conversations_flow (conversation_id, version_id, step_key, exit, visits)
SELECT
    gone.conversation_id,
    gone.version_id,
    gone.step_key,
    gone.exit,
    sum(gone.visits)
FROM gone
GROUP BY gone.conversation_id, gone.version_id, gone.step_key, gone.exit;
