-- A page of a flow's jobs in the order they were given. $1 flow, $2 the last one of the page before, $3 how many.
SELECT
    j.id, j.flow_name, j.kind, j.status, j.progress, j.attempt, j.error, j.error_type, j.on_parent_failure,
    ARRAY(SELECT p.flow_name FROM jobs p WHERE p.id = ANY (j.depends_on) ORDER BY p.id) AS parents,
    (extract(epoch FROM j.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM j.finished_at) * 1000)::bigint AS finished_ms
FROM jobs j
WHERE j.flow_id = $1::uuid AND j.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY j.id
LIMIT $3::integer
