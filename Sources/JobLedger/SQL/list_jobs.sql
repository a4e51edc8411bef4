-- A page of a list. A line that names a {value} is left out where the filter has none (ListStatement.swift); values are bound.
-- Each of several words is an ordered scan of its own, so that an index gives the order; one word stands in the statement itself, so that the
-- planner knows how frequent it is. A time that no clock shows (others wrote it) has no place in a list, and no number elsewhere;
-- an id that is not of our making names no job (said as what it is not: the planner takes what a list names for rare, and would not read in the
-- order of the index). Kinds and queues come with every status there is, because their indexes go on with it.
SELECT
    j.id, j.kind, j.queue, j.priority, j.status, j.title, j.subject, j.session_id, j.tags, j.metadata, j.error, j.error_type, j.progress,
    j.step, j.message, j.attempt, j.uncharged, j.max_attempts, j.timeout_ms, j.estimated_ms, j.worker, j.traceparent, j.description,
    j.concurrency_key, j.retry_base_ms, j.retry_cap_ms, j.unique_key, j.unique_span, j.unique_ms, j.flow_id, j.flow_name, j.depends_on,
    j.on_parent_failure, j.submitted_by,
    CASE WHEN {whole}::boolean THEN j.input
        ELSE jsonb_strip_nulls(jsonb_build_object('url', left(j.input ->> 'url', 4096), 'uri', left(j.input ->> 'uri', 4096))) END AS input,
    CASE WHEN {whole}::boolean THEN j.result END AS result,
    (extract(epoch FROM nullif(nullif(j.created_at, 'infinity'), '-infinity')) * 1000)::bigint AS created_ms,
    (extract(epoch FROM nullif(nullif(j.scheduled_at, 'infinity'), '-infinity')) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM nullif(nullif(j.started_at, 'infinity'), '-infinity')) * 1000)::bigint AS started_ms,
    (extract(epoch FROM nullif(nullif(j.updated_at, 'infinity'), '-infinity')) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM nullif(nullif(j.finished_at, 'infinity'), '-infinity')) * 1000)::bigint AS finished_ms,
    (extract(epoch FROM j.listed_at) * 1000000)::bigint AS listed_us
