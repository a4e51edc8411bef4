-- Feedback that is old, and how models did of which nothing was heard for as long. $1 leader token, $2 days, $3 how many of each at most.
WITH feedback AS (
    DELETE FROM model_feedback WHERE id IN (
        SELECT id FROM model_feedback
        WHERE created_at < now() - make_interval(days => $2::integer) AND (SELECT tidewheel.leads($1::bigint))
        LIMIT $3::integer FOR UPDATE SKIP LOCKED)
    RETURNING id
), performance AS (
    DELETE FROM model_performance WHERE (model, kind, task_category) IN (
        SELECT model, kind, task_category FROM model_performance
        WHERE updated_at < now() - make_interval(days => $2::integer) AND (SELECT tidewheel.leads($1::bigint))
        LIMIT $3::integer FOR UPDATE SKIP LOCKED)
    RETURNING model
)
SELECT greatest((SELECT count(*) FROM feedback), (SELECT count(*) FROM performance)) AS gone
