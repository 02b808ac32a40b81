-- figures_of_steps: what came of the messages of a conversation, step by step.
--
-- Params  conversation_id bigint, step_key text (null = all steps)
-- Returns step_key, kind, number, amount
-- Index   figure_by_step
SELECT
    figure.step_key,
    figure.kind,
    sum(figure.number)::bigint AS number,
    sum(figure.amount) AS amount
FROM messaging_figure AS figure
WHERE
    figure.conversation_id = %(conversation_id)s
    AND (%(step_key)s::text IS NULL OR figure.step_key = %(step_key)s)
GROUP BY figure.step_key, figure.kind;
