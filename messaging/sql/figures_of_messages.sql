-- figures_of_messages: what came of committed messages together, wherever they were sent.
--
-- Params  message_ids bigint[]
-- Returns kind, number, amount
-- Index   figure_by_message
SELECT
    figure.kind,
    sum(figure.number)::bigint AS number,
    sum(figure.amount) AS amount
FROM messaging_figure AS figure
WHERE figure.message_id = any(%(message_ids)s::bigint[])
GROUP BY figure.kind;
