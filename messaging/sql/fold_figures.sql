-- fold_figures: add loose figures up: one row for each message of each step, and each kind.
--
-- Params  most int (rows taken, the oldest first)
-- Returns how many rows were taken
-- Locks   the rows taken; those that somebody else folds are skipped
-- Index   figure_loose, figure_folded_once
WITH taken AS MATERIALIZED (
    DELETE FROM messaging_figure AS loose
    WHERE loose.id IN (
        SELECT figure.id
        FROM messaging_figure AS figure
        WHERE NOT figure.is_folded
        ORDER BY figure.id
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING
        loose.conversation_id,
        loose.step_key,
        loose.message_id,
        loose.kind,
        loose.number,
        loose.amount
),

folded AS (
    INSERT INTO messaging_figure (
        conversation_id, step_key, message_id, kind, number, amount, is_folded
    )
    SELECT
        taken.conversation_id,
        taken.step_key,
        taken.message_id,
        taken.kind,
        sum(taken.number),
        sum(taken.amount),
        TRUE
    FROM taken
    GROUP BY taken.conversation_id, taken.step_key, taken.message_id, taken.kind
    ORDER BY taken.conversation_id, taken.step_key, taken.message_id, taken.kind
    ON CONFLICT (account_id, conversation_id, step_key, message_id, kind) WHERE is_folded
    DO UPDATE SET
        number = messaging_figure.number + excluded.number,
        amount = messaging_figure.amount + excluded.amount
)

SELECT count(*)
FROM taken;
