-- The jobs and their attempts. A row exists before its job is acknowledged to anybody, and holds everything needed to queue it again.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    queue text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('urgent', 'high', 'medium', 'low')),
    status text NOT NULL
        CHECK (status IN ('waiting', 'scheduled', 'queued', 'processing', 'completed', 'failed', 'cancelled')),
    title text,
    description text,
    subject text,
    session_id text,
    tags text[] NOT NULL DEFAULT '{}',
    input jsonb NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    error text,
    error_type text,
    progress real NOT NULL DEFAULT 0,
    step text,
    message text,
    attempt integer NOT NULL DEFAULT 0,
    fence integer NOT NULL DEFAULT 0,
    uncharged integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    timeout_ms bigint NOT NULL,
    estimated_ms bigint NOT NULL,
    worker text,
    ended_by text,
    idempotency_scope text,
    idempotency_key text,
    fingerprint text,
    concurrency_key text,
    traceparent text,
    flow_id uuid,
    depends_on uuid[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    scheduled_at timestamptz,
    started_at timestamptz,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    tokens_in bigint,
    tokens_out bigint,
    cost_microusd bigint,
    CONSTRAINT jobs_idempotency UNIQUE (idempotency_scope, idempotency_key)
);

COMMENT ON TABLE jobs IS 'One row a recorded job, written before the job is acknowledged; a terminal row never changes but by an explicit retry';
COMMENT ON COLUMN jobs.id IS 'UUIDv7 of our making, or UUIDv5 of a stream entry that another program added';
COMMENT ON COLUMN jobs.kind IS 'What the job does: web_crawl, document, …';
COMMENT ON COLUMN jobs.queue IS 'Where it waits';
COMMENT ON COLUMN jobs.priority IS 'urgent, high, medium or low';
COMMENT ON COLUMN jobs.status IS 'waiting, scheduled, queued, processing; terminal: completed, failed, cancelled';
COMMENT ON COLUMN jobs.title IS 'One line for people';
COMMENT ON COLUMN jobs.description IS 'More for people';
COMMENT ON COLUMN jobs.subject IS 'What or whom it is about, as the caller groups jobs';
COMMENT ON COLUMN jobs.session_id IS 'Conversation that it belongs to';
COMMENT ON COLUMN jobs.tags IS 'The caller''s labels';
COMMENT ON COLUMN jobs.input IS 'What the kind was asked to do';
COMMENT ON COLUMN jobs.metadata IS 'The caller''s own data, never read by us';
COMMENT ON COLUMN jobs.result IS 'What a completed job gave';
COMMENT ON COLUMN jobs.error IS 'Why it failed or was cancelled, or why its last attempt failed; one sentence';
COMMENT ON COLUMN jobs.error_type IS 'The same in one word, for programs';
COMMENT ON COLUMN jobs.progress IS 'Per cent; while the job runs Redis knows better';
COMMENT ON COLUMN jobs.step IS 'Name of the step it was in';
COMMENT ON COLUMN jobs.message IS 'What the step said last';
COMMENT ON COLUMN jobs.attempt IS 'Highest attempt seen; numbers never start again';
COMMENT ON COLUMN jobs.fence IS 'Attempts up to this one may not end the job any more';
COMMENT ON COLUMN jobs.uncharged IS 'Attempts that do not count towards max_attempts: their worker died or left';
COMMENT ON COLUMN jobs.max_attempts IS 'Charged attempts after which a failure is for good';
COMMENT ON COLUMN jobs.timeout_ms IS 'Longest run of one attempt';
COMMENT ON COLUMN jobs.estimated_ms IS 'How long the kind usually takes';
COMMENT ON COLUMN jobs.worker IS 'Worker of the highest attempt';
COMMENT ON COLUMN jobs.ended_by IS 'Lease (worker:attempt) of the attempt that ended last, or who ended the job without one';
COMMENT ON COLUMN jobs.idempotency_scope IS 'Who asked and where: keys of different scopes never meet';
COMMENT ON COLUMN jobs.idempotency_key IS 'The caller''s name for the request';
COMMENT ON COLUMN jobs.fingerprint IS 'SHA-256 of the request: the same key with another fingerprint is refused';
COMMENT ON COLUMN jobs.concurrency_key IS 'Jobs of one key share permits';
COMMENT ON COLUMN jobs.traceparent IS 'W3C trace context of the request';
COMMENT ON COLUMN jobs.flow_id IS 'Flow that it belongs to';
COMMENT ON COLUMN jobs.depends_on IS 'Jobs that must complete first';
COMMENT ON COLUMN jobs.created_at IS 'When it was accepted';
COMMENT ON COLUMN jobs.scheduled_at IS 'Not before: a delay, or the pause before a retry';
COMMENT ON COLUMN jobs.started_at IS 'Start of the first attempt';
COMMENT ON COLUMN jobs.updated_at IS 'Last change of this row';
COMMENT ON COLUMN jobs.finished_at IS 'When it became terminal';
COMMENT ON COLUMN jobs.tokens_in IS 'Tokens sent to models';
COMMENT ON COLUMN jobs.tokens_out IS 'Tokens received from models';
COMMENT ON COLUMN jobs.cost_microusd IS 'Cost in millionths of a US dollar';

CREATE INDEX jobs_live ON jobs (id) WHERE status NOT IN ('completed', 'failed', 'cancelled');
CREATE INDEX jobs_status_created ON jobs (status, created_at);
CREATE INDEX jobs_kind_created ON jobs (kind, created_at);
CREATE INDEX jobs_queue_created ON jobs (queue, created_at);
CREATE INDEX jobs_subject_created ON jobs (subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX jobs_session ON jobs (session_id, created_at) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_flow ON jobs (flow_id) WHERE flow_id IS NOT NULL;
CREATE INDEX jobs_tags ON jobs USING gin (tags);

CREATE TABLE job_attempts (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    attempt integer NOT NULL,
    worker text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('completed', 'failed', 'cancelled', 'retry', 'handed_back', 'crashed')),
    error text,
    error_type text,
    PRIMARY KEY (job_id, attempt)
);

COMMENT ON TABLE job_attempts IS 'One row an attempt whose start or end was recorded';
COMMENT ON COLUMN job_attempts.job_id IS 'The job';
COMMENT ON COLUMN job_attempts.attempt IS 'Number of the attempt, from 1';
COMMENT ON COLUMN job_attempts.worker IS 'Worker that ran it';
COMMENT ON COLUMN job_attempts.started_at IS 'When its handler started';
COMMENT ON COLUMN job_attempts.ended_at IS 'NULL while it runs';
COMMENT ON COLUMN job_attempts.outcome IS 'completed, failed, cancelled, retry, handed_back (the worker left), crashed (the worker died)';
COMMENT ON COLUMN job_attempts.error IS 'Why it did not complete';
COMMENT ON COLUMN job_attempts.error_type IS 'The same in one word; timeout for an attempt that took too long';

CREATE TABLE redis_generation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    generation text NOT NULL
);

COMMENT ON TABLE redis_generation IS 'One row: the random mark of the Redis data that this database goes with';
COMMENT ON COLUMN redis_generation.single IS 'Always true: there is one row';
COMMENT ON COLUMN redis_generation.generation IS 'Differs from Redis''s own after a loss of Redis';
