-- Every statement of the release before, as its programs send them: they must run on whatever the migrations since have made of the database.
-- A test prepares each one, and lets a job live by them. To be taken anew with each release, from its SQL files.

-- name: accept
INSERT INTO jobs (
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, max_attempts, timeout_ms, estimated_ms,
    traceparent, created_at, updated_at, scheduled_at, idempotency_scope, idempotency_key, fingerprint, attempt,
    uncharged, description, concurrency_key, retry_base_ms, retry_cap_ms, unique_key, unique_span, unique_ms,
    flow_id, flow_name, depends_on, on_parent_failure
)
SELECT
    a.id, a.kind, a.queue, a.priority, a.status, a.title, a.subject, a.session_id,
    ARRAY(SELECT jsonb_array_elements_text(a.tags)), a.input, a.metadata, a.max_attempts, a.timeout_ms, a.estimated_ms,
    a.traceparent, to_timestamp(a.created_ms / 1000.0), to_timestamp(a.created_ms / 1000.0), to_timestamp(a.scheduled_ms / 1000.0),
    a.scope, a.key, a.fingerprint, a.attempt, a.uncharged,
    o.description, o.concurrency_key, o.retry_base_ms, o.retry_cap_ms, o.unique_key, o.unique_span, o.unique_ms,
    o.flow_id, o.flow_name, coalesce(o.depends_on, '{}'), o.on_parent_failure
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::jsonb[],
    $11::jsonb[], $12::integer[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[], $17::bigint[], $18::text[], $19::text[],
    $20::text[], $21::integer[], $22::integer[], $23::jsonb[]
) AS a (
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, max_attempts, timeout_ms, estimated_ms,
    traceparent, created_ms, scheduled_ms, scope, key, fingerprint, attempt, uncharged, options
)
LEFT JOIN LATERAL jsonb_to_record(a.options) AS o (
    description text, concurrency_key text, retry_base_ms bigint, retry_cap_ms bigint, unique_key text, unique_span text, unique_ms bigint,
    flow_id uuid, flow_name text, depends_on uuid[], on_parent_failure text
) ON true
ORDER BY a.scope, a.key, a.id
ON CONFLICT DO NOTHING
RETURNING id

-- name: acceptedBefore
SELECT a.place, j.id, j.fingerprint, j.id = a.id AS same_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS a (id, scope, key, place)
JOIN jobs j ON j.id = a.id OR (j.idempotency_scope = a.scope AND j.idempotency_key = a.key)
ORDER BY a.place, same_id DESC

-- name: recordStart
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[]) AS a (id, attempt, worker, at_ms)
),
locked AS (
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
started AS (
    UPDATE jobs j SET
        status = 'processing',
        worker = CASE WHEN a.attempt >= j.attempt THEN a.worker ELSE j.worker END,
        attempt = greatest(j.attempt, a.attempt),
        started_at = coalesce(j.started_at, to_timestamp(a.at_ms / 1000.0)),
        updated_at = to_timestamp(a.at_ms / 1000.0)
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND a.attempt > j.fence
    RETURNING j.id, a.attempt, a.worker, to_timestamp(a.at_ms / 1000.0) AS at
),
attempts AS (
    INSERT INTO job_attempts (job_id, attempt, worker, started_at)
    SELECT id, attempt, worker, at FROM started
    ON CONFLICT (job_id, attempt) DO UPDATE SET worker = excluded.worker
),
overtaken AS (
    UPDATE job_attempts t SET ended_at = s.at, outcome = 'overtaken'
    FROM started s WHERE s.attempt > 1 AND t.job_id = s.id AND t.attempt < s.attempt AND t.ended_at IS NULL
)
SELECT id, set_config('synchronous_commit', 'off', true) FROM started

-- name: record
WITH asked AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::jsonb[], $9::text[], $10::text[],
        $11::bigint[], $12::integer[]
    ) AS a (id, attempt, worker, lease, at_ms, status, outcome, result, error, error_type, scheduled_ms, uncharged)
),
locked AS (
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
ended AS (
    UPDATE jobs j SET
        status = a.status,
        result = a.result,
        error = a.error,
        error_type = a.error_type,
        progress = CASE WHEN a.status = 'completed' THEN 100 ELSE j.progress END,
        worker = CASE WHEN a.attempt >= j.attempt THEN a.worker ELSE j.worker END,
        attempt = greatest(j.attempt, a.attempt),
        fence = CASE WHEN a.status IN ('scheduled', 'queued') THEN a.attempt ELSE j.fence END,
        uncharged = j.uncharged + a.uncharged,
        ended_by = a.lease,
        scheduled_at = coalesce(to_timestamp(a.scheduled_ms / 1000.0), j.scheduled_at),
        updated_at = to_timestamp(a.at_ms / 1000.0),
        finished_at = CASE WHEN a.status IN ('completed', 'failed', 'cancelled') THEN to_timestamp(a.at_ms / 1000.0) END
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND a.attempt > j.fence
        AND (a.attempt >= j.attempt OR a.status IN ('completed', 'failed', 'cancelled'))
    RETURNING
        j.id, j.flow_id, a.attempt, a.worker, j.started_at, j.updated_at, a.outcome, a.error, a.error_type, j.attempt AS highest, j.status
),
attempts AS (
    INSERT INTO job_attempts (job_id, attempt, worker, started_at, ended_at, outcome, error, error_type)
    SELECT id, attempt, worker, coalesce(started_at, updated_at), updated_at, outcome, error, error_type FROM ended
    ON CONFLICT (job_id, attempt) DO UPDATE SET
        ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error, error_type = excluded.error_type
),
overtaken AS (
    UPDATE job_attempts t SET ended_at = e.updated_at, outcome = 'overtaken'
    FROM ended e
    WHERE e.highest > 1 AND e.status IN ('completed', 'failed', 'cancelled')
        AND t.job_id = e.id AND t.attempt <> e.attempt AND t.ended_at IS NULL
)
SELECT id, flow_id IS NOT NULL AS in_flow FROM ended

-- name: recordedBefore
SELECT a.id, j.flow_id IS NOT NULL AS in_flow
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[]) AS a (id, attempt, lease, outcome)
JOIN jobs j ON j.id = a.id AND j.ended_by = a.lease
JOIN job_attempts t ON t.job_id = a.id AND t.attempt = a.attempt AND t.outcome = a.outcome

-- name: endUnclaimed
WITH ended AS (
    UPDATE jobs SET
        status = $2::text, result = $3::jsonb, error = $4::text, error_type = $5::text, ended_by = $6::text,
        updated_at = to_timestamp($7::bigint / 1000.0), finished_at = to_timestamp($7::bigint / 1000.0)
    WHERE id = $1::uuid AND status NOT IN ('completed', 'failed', 'cancelled')
    RETURNING id, flow_id, finished_at
),
attempts AS (
    UPDATE job_attempts t SET ended_at = e.finished_at, outcome = $2::text, error = $4::text, error_type = $5::text
    FROM ended e WHERE t.job_id = e.id AND t.ended_at IS NULL
)
SELECT id, flow_id IS NOT NULL AS in_flow FROM ended
UNION ALL
SELECT id, flow_id IS NOT NULL FROM jobs WHERE id = $1::uuid AND status = $2::text AND ended_by = $6::text

-- name: fence
WITH asked AS (
    SELECT id, max(attempt) AS attempt FROM unnest($1::uuid[], $2::integer[]) AS a (id, attempt) GROUP BY id
),
locked AS (
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
fenced AS (
    UPDATE jobs j SET
        fence = a.attempt,
        uncharged = j.uncharged + 1,
        status = CASE WHEN j.status = 'processing' AND j.attempt <= a.attempt THEN 'queued' ELSE j.status END,
        attempt = greatest(j.attempt, a.attempt),
        updated_at = now()
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND j.fence < a.attempt
    RETURNING j.id, a.attempt
)
UPDATE job_attempts t SET ended_at = now(), outcome = 'crashed'
FROM fenced f
WHERE t.job_id = f.id AND t.attempt <= f.attempt AND t.ended_at IS NULL

-- name: jobsByID
SELECT
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, result, error, error_type, progress, step,
    message, attempt, uncharged, max_attempts, timeout_ms, estimated_ms, worker, traceparent,
    description, concurrency_key, retry_base_ms, retry_cap_ms, unique_key, unique_span, unique_ms, flow_id, flow_name, depends_on,
    on_parent_failure,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_ms
FROM jobs
WHERE id = ANY ($1::uuid[])

-- name: lastDurations
SELECT k.kind, (extract(epoch FROM t.ended_at - t.started_at) * 1000)::bigint AS milliseconds
FROM unnest($1::text[]) AS k (kind)
CROSS JOIN LATERAL (
    SELECT id, attempt FROM (
        SELECT id, attempt, status, created_at FROM jobs WHERE kind = k.kind ORDER BY created_at DESC LIMIT 20000
    ) AS newest
    WHERE status = 'completed' ORDER BY created_at DESC LIMIT 500
) AS j
JOIN job_attempts t ON t.job_id = j.id AND t.attempt = j.attempt AND t.outcome = 'completed'

-- name: listCreated
SELECT
    j.id, j.kind, j.queue, j.priority, j.status, j.title, j.subject, j.session_id, j.tags, j.metadata, j.error, j.error_type, j.progress,
    j.step, j.message, j.attempt, j.uncharged, j.max_attempts, j.timeout_ms, j.estimated_ms, j.worker, j.traceparent, j.description,
    j.concurrency_key, j.retry_base_ms, j.retry_cap_ms, j.unique_key, j.unique_span, j.unique_ms, j.flow_id, j.flow_name, j.depends_on,
    j.on_parent_failure,
    CASE WHEN $1::boolean THEN j.input
        ELSE jsonb_strip_nulls(jsonb_build_object('url', j.input -> 'url', 'uri', j.input -> 'uri')) END AS input,
    CASE WHEN $1::boolean THEN j.result END AS result,
    (extract(epoch FROM j.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM j.scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM j.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM j.updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM j.finished_at) * 1000)::bigint AS finished_ms,
    (extract(epoch FROM j.listed_at) * 1000000)::bigint AS listed_us
FROM (SELECT) AS once
CROSS JOIN unnest($2::text[]) AS s (status)
CROSS JOIN unnest($3::text[]) AS k (kind)
CROSS JOIN unnest($4::text[]) AS q (queue)
CROSS JOIN LATERAL (
    SELECT *, created_at AS listed_at FROM jobs
    WHERE true
        AND (created_at, id) < (to_timestamp($5::bigint / 1000000.0), $6::uuid)
        AND created_at >= to_timestamp($7::bigint / 1000.0)
        AND created_at < to_timestamp($8::bigint / 1000.0)
        AND status = s.status
        AND (status <> 'scheduled' OR scheduled_at <= to_timestamp($9::bigint / 1000.0))
        AND kind = k.kind
        AND queue = q.queue
        AND subject = $10::text
        AND session_id = $11::text
        AND tags @> $12::text[]
        AND flow_id = $13::uuid
        AND error_type = $14::text
    ORDER BY created_at DESC, id DESC
    LIMIT $15::integer
) AS j
ORDER BY j.created_at DESC, j.id DESC
LIMIT $15::integer

-- name: listFailed
SELECT
    j.id, j.kind, j.queue, j.priority, j.status, j.title, j.subject, j.session_id, j.tags, j.metadata, j.error, j.error_type, j.progress,
    j.step, j.message, j.attempt, j.uncharged, j.max_attempts, j.timeout_ms, j.estimated_ms, j.worker, j.traceparent, j.description,
    j.concurrency_key, j.retry_base_ms, j.retry_cap_ms, j.unique_key, j.unique_span, j.unique_ms, j.flow_id, j.flow_name, j.depends_on,
    j.on_parent_failure,
    CASE WHEN $1::boolean THEN j.input
        ELSE jsonb_strip_nulls(jsonb_build_object('url', j.input -> 'url', 'uri', j.input -> 'uri')) END AS input,
    CASE WHEN $1::boolean THEN j.result END AS result,
    (extract(epoch FROM j.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM j.scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM j.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM j.updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM j.finished_at) * 1000)::bigint AS finished_ms,
    (extract(epoch FROM j.listed_at) * 1000000)::bigint AS listed_us
FROM (SELECT) AS once
CROSS JOIN unnest($2::text[]) AS s (status)
CROSS JOIN unnest($3::text[]) AS k (kind)
CROSS JOIN unnest($4::text[]) AS q (queue)
CROSS JOIN LATERAL (
    SELECT *, finished_at AS listed_at FROM jobs
    WHERE status = 'failed'
        AND (finished_at, id) < (to_timestamp($5::bigint / 1000000.0), $6::uuid)
        AND finished_at >= to_timestamp($7::bigint / 1000.0)
        AND finished_at < to_timestamp($8::bigint / 1000.0)
        AND kind = k.kind
        AND queue = q.queue
        AND subject = $9::text
        AND session_id = $10::text
        AND tags @> $11::text[]
        AND error_type = $12::text
    ORDER BY finished_at DESC, id DESC
    LIMIT $13::integer
) AS j
ORDER BY j.finished_at DESC, j.id DESC
LIMIT $13::integer

-- name: countFailed
SELECT count(*) AS matching FROM jobs
WHERE status = 'failed'
    AND finished_at >= to_timestamp($1::bigint / 1000.0)
    AND finished_at < to_timestamp($2::bigint / 1000.0)
    AND kind = ANY ($3::text[])
    AND queue = ANY ($4::text[])
    AND subject = $5::text
    AND session_id = $6::text
    AND tags @> $7::text[]
    AND error_type = $8::text

-- name: attempts
SELECT
    t.job_id, t.attempt, t.worker, t.outcome, t.error, t.error_type,
    (extract(epoch FROM t.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM t.ended_at) * 1000)::bigint AS ended_ms
FROM unnest($1::uuid[]) AS a (id)
CROSS JOIN LATERAL (SELECT * FROM job_attempts WHERE job_id = a.id ORDER BY attempt DESC LIMIT $2::integer) AS t
ORDER BY t.job_id, t.attempt

-- name: retry
WITH locked AS (
    SELECT id FROM jobs j
    WHERE id = ANY ($1::uuid[]) AND status IN ('failed', 'cancelled')
        AND NOT EXISTS (
            SELECT FROM jobs p WHERE p.id = ANY (j.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
    ORDER BY id FOR UPDATE
)
UPDATE jobs j SET
    status = 'queued', fence = j.attempt, uncharged = j.attempt, progress = 0,
    result = NULL, error = NULL, error_type = NULL, step = NULL, message = NULL, worker = NULL, ended_by = NULL,
    scheduled_at = NULL, finished_at = NULL, updated_at = to_timestamp($2::bigint / 1000.0)
FROM locked l WHERE j.id = l.id
RETURNING j.id

-- name: storeDocument
INSERT INTO documents (id, uri, uri_hash, title, language, content_type, content_hash, text_length, chunk_count, model, job_id)
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::integer, $10::text, $11::uuid)
ON CONFLICT (uri_hash) DO UPDATE SET
    title = excluded.title, language = excluded.language, content_type = excluded.content_type, content_hash = excluded.content_hash,
    text_length = excluded.text_length, chunk_count = excluded.chunk_count, model = excluded.model, job_id = excluded.job_id,
    generation = documents.generation + 1, updated_at = now()
RETURNING id, generation

-- name: storeChunks
INSERT INTO document_chunks (document_id, generation, chunk_index, text, start_offset)
SELECT $1::uuid, $2::bigint, c.chunk_index, c.text, c.start_offset
FROM unnest($3::integer[], $4::text[], $5::bigint[]) AS c (chunk_index, text, start_offset)

-- name: storeVectors
INSERT INTO document_chunks (document_id, generation, chunk_index, text, embedding, embedding_model)
SELECT d.id, d.generation, c.chunk_index, c.text, c.embedding::real[], $3::text
FROM documents d, unnest($4::integer[], $5::text[], $6::text[]) AS c (chunk_index, text, embedding)
WHERE d.id = $1::uuid AND d.generation = $2::bigint
ON CONFLICT (document_id, chunk_index) DO UPDATE SET
    generation = excluded.generation, text = excluded.text, embedding = excluded.embedding, embedding_model = excluded.embedding_model

-- name: nearest
SELECT c.document_id, c.chunk_index, c.text, d.uri, d.title, s.score
FROM document_chunks c
JOIN documents d ON d.id = c.document_id
CROSS JOIN LATERAL (
    SELECT sum(p.x::double precision * p.y) AS score FROM unnest(c.embedding, $1::real[]) AS p (x, y)
) s
WHERE c.embedding_model = $2::text AND cardinality(c.embedding) = cardinality($1::real[])
ORDER BY s.score DESC, c.document_id, c.chunk_index
LIMIT $3::integer

-- name: nearestByExtension
SELECT c.document_id, c.chunk_index, c.text, d.uri, d.title, 1 - (c.embedding::vector <=> $1::real[]::vector) AS score
FROM document_chunks c
JOIN documents d ON d.id = c.document_id
WHERE c.embedding_model = $2::text AND cardinality(c.embedding) = cardinality($1::real[])
ORDER BY c.embedding::vector <=> $1::real[]::vector, c.document_id, c.chunk_index
LIMIT $3::integer

-- name: selectLimits
SELECT scope, name, concurrency, rate_count, rate_per_ms, burst, weight FROM limits ORDER BY scope, name

-- name: setLimit
INSERT INTO limits (scope, name, concurrency, rate_count, rate_per_ms, burst, weight)
VALUES ($1::text, $2::text, $3::integer, $4::integer, $5::bigint, $6::integer, $7::integer)
ON CONFLICT (scope, name) DO UPDATE SET
    concurrency = excluded.concurrency, rate_count = excluded.rate_count, rate_per_ms = excluded.rate_per_ms, burst = excluded.burst,
    weight = excluded.weight, updated_at = now()

-- name: removeLimit
DELETE FROM limits WHERE scope = $1::text AND name = $2::text RETURNING name

-- name: pauseQueue
INSERT INTO queues (name, paused_at, paused_by) VALUES ($1::text, now(), $2::text)
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by WHERE queues.paused_at IS NULL

-- name: resumeQueue
UPDATE queues SET paused_at = NULL, paused_by = NULL WHERE name = $1::text AND paused_at IS NOT NULL

-- name: pausedQueues
SELECT name, (extract(epoch FROM paused_at) * 1000)::bigint AS paused_ms, paused_by FROM queues WHERE paused_at IS NOT NULL ORDER BY name

-- name: promote
UPDATE jobs SET
    status = 'queued', scheduled_at = to_timestamp($2::bigint / 1000.0), updated_at = to_timestamp($2::bigint / 1000.0)
WHERE id = $1::uuid AND status = 'scheduled'
RETURNING id

-- name: leadRenew
UPDATE leadership SET renewal = renewal + 1
WHERE holder = $1::text AND token = $2::bigint
RETURNING holder, token, renewal, set_config('synchronous_commit', 'off', true)

-- name: leadTake
WITH seat AS (
    SELECT single FROM leadership WHERE token = $2::bigint AND renewal = $3::bigint FOR UPDATE
)
UPDATE leadership l SET holder = $1::text, token = l.token + 1, renewal = l.renewal + 1
FROM seat WHERE l.single = seat.single
RETURNING l.holder, l.token, l.renewal

-- name: leadResign
UPDATE leadership SET holder = '', renewal = renewal + 1 WHERE holder = $1::text AND token = $2::bigint

-- name: storeSteps
WITH held AS (
    SELECT a.* FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::jsonb[]) AS a (id, attempt, name, result)
    JOIN jobs j ON j.id = a.id
    WHERE j.status NOT IN ('completed', 'failed', 'cancelled') AND a.attempt > j.fence
),
stored AS (
    INSERT INTO job_steps (job_id, name, result, attempt)
    SELECT id, name, result, attempt FROM held ORDER BY id
    ON CONFLICT (job_id, name) DO UPDATE SET result = excluded.result, attempt = excluded.attempt, stored_at = now()
    WHERE job_steps.attempt <= excluded.attempt
)
SELECT id, set_config('synchronous_commit', 'off', true) FROM held

-- name: forgetSteps
DELETE FROM job_steps WHERE ctid = ANY (ARRAY(
    SELECT s.ctid FROM job_steps s LEFT JOIN jobs j ON j.id = s.job_id
    WHERE (j.id IS NULL OR j.status IN ('completed', 'cancelled')) AND (SELECT tidewheel.leads($1::bigint))
    LIMIT $2::integer
))

-- name: forgetFlows
DELETE FROM flows WHERE id IN (
    SELECT f.id FROM flows f
    WHERE f.id < (SELECT tidewheel.new_id(now() - make_interval(days => $2::integer)))
        AND (SELECT tidewheel.leads($1::bigint))
        AND NOT EXISTS (SELECT FROM jobs j WHERE j.flow_id = f.id)
    ORDER BY f.id
    LIMIT $3::integer
    FOR UPDATE OF f SKIP LOCKED
)

-- name: forgetJobs
WITH old AS (
    SELECT j.id FROM jobs j
    WHERE j.finished_at < now() - make_interval(days => $2::integer)
        AND j.status IN ('completed', 'failed', 'cancelled')
        AND (SELECT tidewheel.leads($1::bigint))
        AND (j.flow_id IS NULL OR NOT EXISTS (
            SELECT FROM jobs o WHERE o.flow_id = j.flow_id AND (o.finished_at IS NULL OR o.finished_at >= now() - make_interval(days => $2::integer))
        ))
    ORDER BY j.finished_at
    LIMIT $3::integer
    FOR UPDATE OF j SKIP LOCKED
),
steps AS (
    DELETE FROM job_steps s USING old WHERE s.job_id = old.id
)
DELETE FROM jobs USING old WHERE jobs.id = old.id

-- name: leads
SELECT tidewheel.leads($1::bigint) AS leads

-- name: publishKinds
INSERT INTO job_kinds AS k (kind, queue, max_attempts, timeout_ms, estimated_ms, fields)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::jsonb[])
    AS a (kind, queue, max_attempts, timeout_ms, estimated_ms, fields)
ORDER BY a.kind
ON CONFLICT (kind) DO UPDATE SET
    queue = excluded.queue, max_attempts = excluded.max_attempts, timeout_ms = excluded.timeout_ms, estimated_ms = excluded.estimated_ms,
    fields = excluded.fields, updated_at = now()
WHERE (k.queue, k.max_attempts, k.timeout_ms, k.estimated_ms, k.fields)
    IS DISTINCT FROM (excluded.queue, excluded.max_attempts, excluded.timeout_ms, excluded.estimated_ms, excluded.fields)

-- name: liveIDs
SELECT id FROM jobs
WHERE status NOT IN ('completed', 'failed', 'cancelled') AND status <> 'waiting'
    AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
    AND id < coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    AND created_at < to_timestamp($2::bigint / 1000.0)
ORDER BY id
LIMIT $3::integer

-- name: setGeneration
INSERT INTO redis_generation (generation) SELECT $1::text WHERE (SELECT tidewheel.leads($2::bigint))
ON CONFLICT (single) DO UPDATE SET generation = excluded.generation

-- name: endedAmong
SELECT
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, result, error, error_type, progress, step,
    message, attempt, uncharged, max_attempts, timeout_ms, estimated_ms, worker, traceparent,
    description, concurrency_key, retry_base_ms, retry_cap_ms, unique_key, unique_span, unique_ms, flow_id, flow_name, depends_on,
    on_parent_failure,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_ms
FROM jobs
WHERE id = ANY ($1::uuid[]) AND status IN ('completed', 'failed', 'cancelled') AND finished_at < to_timestamp($2::bigint / 1000.0)

-- name: migrationPath
SELECT set_config('search_path', string_agg(quote_ident(p.name), ', ' ORDER BY p.place), true)
FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (name, place)
WHERE p.name <> 'tidewheel' OR to_regclass('tidewheel.schema_migrations') IS NOT NULL
HAVING count(*) > 0

-- name: acceptFlow
INSERT INTO flows (id, name, metadata, job_count, created_at, idempotency_scope, idempotency_key, fingerprint)
VALUES ($1::uuid, $2::text, $3::jsonb, $4::integer, to_timestamp($5::bigint / 1000.0), $6::text, $7::text, $8::text)
ON CONFLICT DO NOTHING
RETURNING id

-- name: flowAcceptedBefore
SELECT id, id = $1::uuid OR fingerprint = $4::text AS is_same
FROM flows
WHERE id = $1::uuid OR (idempotency_scope = $2::text AND idempotency_key = $3::text)
ORDER BY id = $1::uuid DESC
LIMIT 1

-- name: releaseChildren
WITH candidates AS (
    SELECT c.id FROM jobs c
    WHERE c.status = 'waiting' AND c.depends_on && $1::uuid[]
        AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = ANY (c.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
),
locked AS (
    SELECT j.id, j.scheduled_at, j.depends_on, j.on_parent_failure FROM jobs j JOIN candidates c ON c.id = j.id
    WHERE j.status = 'waiting' ORDER BY j.id FOR UPDATE OF j
),
judged AS (
    SELECT l.id, broken.flow_name AS parent, broken.status AS parent_status,
        CASE
            WHEN broken.status IS NOT NULL THEN 'cancelled'
            WHEN l.scheduled_at > to_timestamp($2::bigint / 1000.0) THEN 'scheduled'
            ELSE 'queued'
        END AS status
    FROM locked l
    LEFT JOIN LATERAL (
        SELECT p.flow_name, p.status FROM jobs p
        WHERE l.on_parent_failure IS DISTINCT FROM 'run' AND p.id = ANY (l.depends_on) AND p.status IN ('failed', 'cancelled')
        ORDER BY p.id LIMIT 1
    ) AS broken ON true
)
UPDATE jobs j SET
    status = g.status,
    error = CASE g.parent_status
        WHEN 'failed' THEN format('Its parent ''%s'' failed', g.parent)
        WHEN 'cancelled' THEN format('Its parent ''%s'' was cancelled', g.parent)
    END,
    error_type = 'parent_' || g.parent_status,
    ended_by = CASE WHEN g.status = 'cancelled' THEN 'flow' END,
    updated_at = to_timestamp($2::bigint / 1000.0),
    finished_at = CASE WHEN g.status = 'cancelled' THEN to_timestamp($2::bigint / 1000.0) END
FROM judged g
WHERE j.id = g.id
RETURNING j.id

-- name: releaseForgotten
WITH candidates AS (
    SELECT c.id FROM jobs c
    WHERE c.id = ANY ($1::uuid[]) AND c.status = 'waiting'
        AND NOT EXISTS (SELECT FROM jobs p WHERE p.id = ANY (c.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
),
locked AS (
    SELECT j.id, j.scheduled_at, j.depends_on, j.on_parent_failure FROM jobs j JOIN candidates c ON c.id = j.id
    WHERE j.status = 'waiting' ORDER BY j.id FOR UPDATE OF j
),
judged AS (
    SELECT l.id, broken.flow_name AS parent, broken.status AS parent_status,
        CASE
            WHEN broken.status IS NOT NULL THEN 'cancelled'
            WHEN l.scheduled_at > to_timestamp($2::bigint / 1000.0) THEN 'scheduled'
            ELSE 'queued'
        END AS status
    FROM locked l
    LEFT JOIN LATERAL (
        SELECT p.flow_name, p.status FROM jobs p
        WHERE l.on_parent_failure IS DISTINCT FROM 'run' AND p.id = ANY (l.depends_on) AND p.status IN ('failed', 'cancelled')
        ORDER BY p.id LIMIT 1
    ) AS broken ON true
)
UPDATE jobs j SET
    status = g.status,
    error = CASE g.parent_status
        WHEN 'failed' THEN format('Its parent ''%s'' failed', g.parent)
        WHEN 'cancelled' THEN format('Its parent ''%s'' was cancelled', g.parent)
    END,
    error_type = 'parent_' || g.parent_status,
    ended_by = CASE WHEN g.status = 'cancelled' THEN 'flow' END,
    updated_at = to_timestamp($2::bigint / 1000.0),
    finished_at = CASE WHEN g.status = 'cancelled' THEN to_timestamp($2::bigint / 1000.0) END
FROM judged g
WHERE j.id = g.id
RETURNING j.id

-- name: heldInFlows
SELECT id, status FROM jobs
WHERE flow_id IS NOT NULL AND status IN ('waiting', 'scheduled', 'queued')
    AND depends_on <> '{}'
    AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY id
LIMIT $2::integer

-- name: endFlow
WITH locked AS (
    SELECT id, status FROM jobs
    WHERE flow_id = $1::uuid AND status NOT IN ('completed', 'failed', 'cancelled')
    ORDER BY id FOR UPDATE
),
ended AS (
    UPDATE jobs j SET
        status = 'cancelled', error = 'The flow was cancelled', error_type = 'cancelled', ended_by = 'flow',
        updated_at = to_timestamp($2::bigint / 1000.0), finished_at = to_timestamp($2::bigint / 1000.0)
    FROM locked l
    WHERE j.id = l.id AND l.status <> 'processing'
    RETURNING j.id, j.finished_at
),
attempts AS (
    UPDATE job_attempts t SET ended_at = e.finished_at, outcome = 'cancelled', error = 'The flow was cancelled', error_type = 'cancelled'
    FROM ended e WHERE t.job_id = e.id AND t.ended_at IS NULL
)
SELECT id, status FROM locked ORDER BY id

-- name: flowByID
SELECT
    f.id, f.name, f.metadata,
    (extract(epoch FROM f.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM f.cancelled_at) * 1000)::bigint AS cancelled_ms,
    s.waiting, s.scheduled, s.queued, s.processing, s.completed, s.failed, s.cancelled,
    (extract(epoch FROM s.finished_at) * 1000)::bigint AS finished_ms
FROM flows f
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'processing') AS processing,
        count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled, max(finished_at) AS finished_at
    FROM jobs j WHERE j.flow_id = f.id
) AS s
WHERE f.id = $1::uuid

-- name: flowsBefore
SELECT
    f.id, f.name, f.metadata,
    (extract(epoch FROM f.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM f.cancelled_at) * 1000)::bigint AS cancelled_ms,
    s.waiting, s.scheduled, s.queued, s.processing, s.completed, s.failed, s.cancelled,
    (extract(epoch FROM s.finished_at) * 1000)::bigint AS finished_ms
FROM flows f
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'processing') AS processing,
        count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled, max(finished_at) AS finished_at
    FROM jobs j WHERE j.flow_id = f.id
) AS s
WHERE f.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY f.id DESC
LIMIT $2::integer

-- name: flowJobs
SELECT
    j.id, j.flow_name, j.kind, j.status, j.progress, j.attempt, j.error, j.error_type, j.on_parent_failure,
    ARRAY(SELECT p.flow_name FROM jobs p WHERE p.id = ANY (j.depends_on) ORDER BY p.id) AS parents,
    (extract(epoch FROM j.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM j.finished_at) * 1000)::bigint AS finished_ms
FROM jobs j
WHERE j.flow_id = $1::uuid AND j.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY j.id
LIMIT $3::integer

-- name: flowNames
SELECT id, flow_name FROM jobs WHERE flow_id = $1::uuid ORDER BY id

-- name: parents
SELECT
    id, flow_name, kind, status, error, error_type, total, CASE WHEN total <= $2::bigint THEN result END AS result
FROM (
    SELECT
        p.id, p.flow_name, p.kind, p.status, p.error, p.error_type, p.result,
        coalesce(sum(octet_length(p.result::text)) OVER (), 0)::bigint AS total
    FROM jobs c JOIN jobs p ON p.id = ANY (c.depends_on)
    WHERE c.id = $1::uuid
) AS parents

-- name: lockFlow
SELECT job_count, cancelled_at IS NOT NULL AS is_cancelled FROM flows WHERE id = $1::uuid FOR UPDATE

-- name: lockLease
SELECT flow_id, kind FROM jobs WHERE id = $1::uuid AND status = 'processing' AND attempt = $2::integer FOR UPDATE

-- name: foundFlow
WITH made AS (
    INSERT INTO flows (id, job_count, created_at) VALUES ($2::uuid, 1, to_timestamp($3::bigint / 1000.0)) RETURNING id
)
UPDATE jobs SET flow_id = made.id, flow_name = kind FROM made WHERE jobs.id = $1::uuid

-- name: schedulesListed
SELECT
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, version, last_job_id, last_error,
    (extract(epoch FROM anchor_at) * 1000)::bigint AS anchor_ms,
    (extract(epoch FROM next_run_at) * 1000)::bigint AS next_ms,
    (extract(epoch FROM last_run_at) * 1000)::bigint AS last_ms,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM schedules
WHERE id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') AND ($3::text IS NULL OR name = $3::text)
ORDER BY id
LIMIT $2::integer

-- name: scheduleByID
SELECT
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, version, last_job_id, last_error,
    (extract(epoch FROM anchor_at) * 1000)::bigint AS anchor_ms,
    (extract(epoch FROM next_run_at) * 1000)::bigint AS next_ms,
    (extract(epoch FROM last_run_at) * 1000)::bigint AS last_ms,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM schedules
WHERE id = $1::uuid

-- name: schedulesDue
SELECT
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, version, last_job_id, last_error,
    (extract(epoch FROM anchor_at) * 1000)::bigint AS anchor_ms,
    (extract(epoch FROM next_run_at) * 1000)::bigint AS next_ms,
    (extract(epoch FROM last_run_at) * 1000)::bigint AS last_ms,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM schedules
WHERE enabled AND next_run_at <= to_timestamp($1::bigint / 1000.0)
ORDER BY next_run_at, id
LIMIT $2::integer

-- name: nextDueSchedule
SELECT
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
    (SELECT (extract(epoch FROM min(next_run_at)) * 1000)::bigint FROM schedules WHERE enabled) AS next_ms

-- name: createSchedule
INSERT INTO schedules (
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, anchor_at, next_run_at, created_at, updated_at
) VALUES (
    $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::jsonb, $8::text, $9::text, $10::boolean,
    to_timestamp($11::bigint / 1000.0), to_timestamp($12::bigint / 1000.0), to_timestamp($13::bigint / 1000.0),
    to_timestamp($13::bigint / 1000.0)
)
ON CONFLICT (name) DO NOTHING
RETURNING id

-- name: changeSchedule
UPDATE schedules SET
    name = $2::text, expression = $3::text, time_zone = $4::text, kind = $5::text, input = $6::jsonb, options = $7::jsonb,
    missed = $8::text, overlap = $9::text, enabled = $10::boolean, anchor_at = to_timestamp($11::bigint / 1000.0),
    next_run_at = CASE WHEN $15::boolean THEN to_timestamp($12::bigint / 1000.0) ELSE next_run_at END,
    updated_at = to_timestamp($13::bigint / 1000.0), version = version + 1
WHERE id = $1::uuid AND version = $14::bigint
RETURNING id

-- name: lockSchedules
SELECT
    s.id,
    s.overlap = 'skip' AND EXISTS (
        SELECT FROM jobs j WHERE j.id = s.last_job_id AND j.status NOT IN ('completed', 'failed', 'cancelled')
    ) AS is_held
FROM schedules s
JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS a (id, version, fire_ms)
    ON s.id = a.id AND s.version = a.version AND s.next_run_at = to_timestamp(a.fire_ms / 1000.0)
WHERE s.enabled
ORDER BY s.id
FOR UPDATE OF s

-- name: moveSchedules
UPDATE schedules s SET
    last_run_at = CASE WHEN a.job IS NULL THEN s.last_run_at ELSE s.next_run_at END,
    last_job_id = coalesce(a.job, s.last_job_id), last_error = a.error, next_run_at = to_timestamp(a.next_ms / 1000.0)
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[]) AS a (id, next_ms, job, error)
WHERE s.id = a.id

-- name: uniqueHolder
SELECT id FROM jobs
WHERE kind = $1::text AND unique_key = $2::text AND CASE unique_span
    WHEN 'queued' THEN status IN ('waiting', 'scheduled', 'queued') AND attempt = 0
    WHEN 'active' THEN status NOT IN ('completed', 'failed', 'cancelled')
    ELSE created_at + unique_ms * interval '1 millisecond' > now()
END
ORDER BY id DESC LIMIT 1
