-- What the migrations add up to. A test applies both to empty databases and compares the catalogs.

-- Tables are never made in the schema of our functions, which "$user" finds first when the role has the same name.
SELECT set_config('search_path', string_agg(quote_ident(p.name), ', ' ORDER BY p.place), false)
FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (name, place)
WHERE p.name <> 'tidewheel' OR to_regclass('tidewheel.schema_migrations') IS NOT NULL
HAVING count(*) > 0;

CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Which migrations were applied';
COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration';
COMMENT ON COLUMN schema_migrations.name IS 'Its file';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file when it was applied: an applied file must not change';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When';
-- What this file has is not applied again. The number of the last migration:
INSERT INTO schema_migrations (version, name, checksum) SELECT n, 'schema.sql', 'schema.sql' FROM generate_series(1, 23) AS n;

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
    submitted_by text,
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
COMMENT ON COLUMN jobs.submitted_by IS 'Id of the API key that the job was submitted with; NULL: none was needed, or it was made from within';
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

-- Uploaded files, what was ingested, and its vectors.
CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    content_type text NOT NULL,
    sha256 text NOT NULL,
    bytes bytea NOT NULL CHECK (octet_length(bytes) <= 33554432),
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE uploads IS 'Files that document jobs read, at most 32 MiB each';
COMMENT ON COLUMN uploads.id IS 'UUIDv7; a job names it as upload:<id>';
COMMENT ON COLUMN uploads.name IS 'File name as the client gave it; never used as a path';
COMMENT ON COLUMN uploads.content_type IS 'Media type as the client gave it';
COMMENT ON COLUMN uploads.sha256 IS 'SHA-256 of the bytes, hexadecimal';
COMMENT ON COLUMN uploads.bytes IS 'The file';
COMMENT ON COLUMN uploads.created_at IS 'When it was uploaded';

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    uri text NOT NULL,
    uri_hash text NOT NULL UNIQUE,
    title text NOT NULL,
    language text,
    content_type text,
    content_hash text NOT NULL,
    text_length bigint NOT NULL,
    chunk_count integer NOT NULL,
    model text,
    generation bigint NOT NULL DEFAULT 1,
    job_id uuid,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_job ON documents (job_id) WHERE job_id IS NOT NULL;

COMMENT ON TABLE documents IS 'One row an ingested document; ingesting it again replaces its chunks';
COMMENT ON COLUMN documents.id IS 'UUIDv7';
COMMENT ON COLUMN documents.uri IS 'Normalised address';
COMMENT ON COLUMN documents.uri_hash IS 'SHA-256 of uri, unique in its place: a URI may be longer than an index entry can be (2,704 bytes)';
COMMENT ON COLUMN documents.title IS 'Title, or what stands for one';
COMMENT ON COLUMN documents.language IS 'Language tag, where the document says it';
COMMENT ON COLUMN documents.content_type IS 'html, pdf, docx, md or txt';
COMMENT ON COLUMN documents.content_hash IS 'SHA-256 of the extracted text';
COMMENT ON COLUMN documents.text_length IS 'Characters of extracted text';
COMMENT ON COLUMN documents.chunk_count IS 'Chunks of the current generation';
COMMENT ON COLUMN documents.model IS 'Embedding model of the current generation';
COMMENT ON COLUMN documents.generation IS 'Grows with every ingest';
COMMENT ON COLUMN documents.job_id IS 'Job that ingested it last; unrecorded jobs have no row in jobs';
COMMENT ON COLUMN documents.first_seen_at IS 'First ingest';
COMMENT ON COLUMN documents.updated_at IS 'Last ingest';

CREATE TABLE document_chunks (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    chunk_index integer NOT NULL,
    generation bigint NOT NULL,
    text text NOT NULL,
    start_offset bigint NOT NULL DEFAULT 0,
    embedding real[],
    embedding_model text,
    PRIMARY KEY (document_id, chunk_index)
);
CREATE INDEX document_chunks_model ON document_chunks (embedding_model) WHERE embedding IS NOT NULL;

COMMENT ON TABLE document_chunks IS 'The text of documents in pieces, with their vectors where PostgreSQL is the vector store';
COMMENT ON COLUMN document_chunks.document_id IS 'The document';
COMMENT ON COLUMN document_chunks.chunk_index IS 'Place in the document, from 0';
COMMENT ON COLUMN document_chunks.generation IS 'Ingest that wrote it';
COMMENT ON COLUMN document_chunks.text IS 'The piece';
COMMENT ON COLUMN document_chunks.start_offset IS 'Where it begins in the extracted text, in characters';
COMMENT ON COLUMN document_chunks.embedding IS 'Vector of length 1';
COMMENT ON COLUMN document_chunks.embedding_model IS 'Model that made it: vectors of different models are never compared';

-- What the whole engine keeps with a job: its own backoff, uniqueness, and its place in a flow.
ALTER TABLE jobs
    ADD COLUMN retry_base_ms bigint,
    ADD COLUMN retry_cap_ms bigint,
    ADD COLUMN unique_key text,
    ADD COLUMN unique_span text CHECK (unique_span IN ('queued', 'active', 'window')),
    ADD COLUMN unique_ms bigint,
    ADD COLUMN flow_name text,
    ADD COLUMN on_parent_failure text CHECK (on_parent_failure IN ('cancel', 'run'));

COMMENT ON COLUMN jobs.retry_base_ms IS 'First pause before a retry, where it differs from the kind''s';
COMMENT ON COLUMN jobs.retry_cap_ms IS 'Longest pause before a retry';
COMMENT ON COLUMN jobs.unique_key IS 'At most one job of this key and kind at a time';
COMMENT ON COLUMN jobs.unique_span IS 'For how long: queued (until it starts), active (until it ends), window (unique_ms from its submission)';
COMMENT ON COLUMN jobs.unique_ms IS 'Length of the window';
COMMENT ON COLUMN jobs.flow_name IS 'Its name in the flow';
COMMENT ON COLUMN jobs.on_parent_failure IS 'cancel: it is cancelled when a parent does not complete; run: it runs when every parent has ended';

-- What operators say about queues, kinds and concurrency keys: the durable truth that Redis is told again after a loss.
CREATE TABLE limits (
    scope text NOT NULL CHECK (scope IN ('queue', 'kind', 'key')),
    name text NOT NULL,
    concurrency integer CHECK (concurrency > 0),
    rate_count integer CHECK (rate_count > 0),
    rate_per_ms bigint CHECK (rate_per_ms > 0),
    burst integer CHECK (burst > 0),
    weight integer NOT NULL DEFAULT 1 CHECK (weight > 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, name),
    CONSTRAINT limits_rate CHECK (num_nulls(rate_count, rate_per_ms, burst) IN (0, 3))
);

COMMENT ON TABLE limits IS 'How many jobs may run at once or start in a time, in the whole fleet';
COMMENT ON COLUMN limits.scope IS 'queue, kind, or key (a concurrency key)';
COMMENT ON COLUMN limits.name IS 'Name of the queue, kind or key; * stands for every key without a limit of its own';
COMMENT ON COLUMN limits.concurrency IS 'Jobs at once; NULL: as many as there are slots';
COMMENT ON COLUMN limits.rate_count IS 'Starts in rate_per_ms on average; NULL: no rate';
COMMENT ON COLUMN limits.rate_per_ms IS 'Length of the time that rate_count is for';
COMMENT ON COLUMN limits.burst IS 'Starts at once after a pause';
COMMENT ON COLUMN limits.weight IS 'Of a key: its share of the turns among the keys of a queue';
COMMENT ON COLUMN limits.updated_at IS 'When it was set';

CREATE TABLE queues (
    name text PRIMARY KEY,
    paused_at timestamptz,
    paused_by text
);

COMMENT ON TABLE queues IS 'Queues that somebody has said something about';
COMMENT ON COLUMN queues.name IS 'The queue';
COMMENT ON COLUMN queues.paused_at IS 'Since when no job of it starts; NULL: it is not paused';
COMMENT ON COLUMN queues.paused_by IS 'Who paused it, as they said';

-- Which worker leads, and the check by which what it writes is refused once another one leads.
CREATE TABLE leadership (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    holder text NOT NULL,
    token bigint NOT NULL,
    renewal bigint NOT NULL
);
INSERT INTO leadership (holder, token, renewal) VALUES ('', 0, 0);

COMMENT ON TABLE leadership IS 'One row: the worker that does what only one may do at a time';
COMMENT ON COLUMN leadership.single IS 'Always true: there is one row';
COMMENT ON COLUMN leadership.holder IS 'Worker that leads; empty when the last one left';
COMMENT ON COLUMN leadership.token IS 'Grows with every change of holder: writes of an earlier leader are refused';
COMMENT ON COLUMN leadership.renewal IS 'Moves while the leader lives; the others compare it by their own clocks';

CREATE SCHEMA IF NOT EXISTS tidewheel;
COMMENT ON SCHEMA tidewheel IS 'Functions for services that work in this database';

-- Whether a token is the current one. Asked as WHERE (SELECT tidewheel.leads($1)) it is evaluated once a statement. Until the transaction ends
-- nobody else can take over (the lock), but renewals go on: they change no key.
CREATE FUNCTION tidewheel.leads(token bigint) RETURNS boolean LANGUAGE sql VOLATILE
AS 'SELECT EXISTS (SELECT FROM leadership AS l WHERE l.token = leads.token FOR KEY SHARE)';
COMMENT ON FUNCTION tidewheel.leads IS 'Whether this is the token of the worker that leads now';

-- Finished steps of recorded jobs, an end for attempts that were overtaken, and the way to old records.
CREATE TABLE job_steps (
    job_id uuid NOT NULL,
    name text NOT NULL,
    result jsonb NOT NULL,
    attempt integer NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, name)
);

-- No foreign key: its lock on the job's row would wait for the job's own ends. The retention duty takes what is left over.
COMMENT ON TABLE job_steps IS 'Results of finished steps: a later attempt skips them, also after a loss of Redis';
COMMENT ON COLUMN job_steps.job_id IS 'The job';
COMMENT ON COLUMN job_steps.name IS 'Name of the step, unique within the job';
COMMENT ON COLUMN job_steps.result IS 'What the step gave, at most 256 KiB';
COMMENT ON COLUMN job_steps.attempt IS 'Attempt that finished it';
COMMENT ON COLUMN job_steps.stored_at IS 'When it was finished';

ALTER TABLE job_attempts
    DROP CONSTRAINT job_attempts_outcome_check,
    ADD CONSTRAINT job_attempts_outcome_check
        CHECK (outcome IN ('completed', 'failed', 'cancelled', 'retry', 'handed_back', 'crashed', 'overtaken'));
COMMENT ON COLUMN job_attempts.outcome IS 'completed, failed, cancelled, retry, handed_back (the worker left), crashed (the worker died), overtaken (a later attempt started, or another one ended the job)';

CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
-- Flows: jobs that depend on each other. Where a job stands in its flow is in jobs.
CREATE TABLE flows (
    id uuid PRIMARY KEY,
    name text,
    metadata jsonb NOT NULL DEFAULT '{}',
    job_count integer NOT NULL,
    created_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    idempotency_scope text,
    idempotency_key text,
    fingerprint text,
    CONSTRAINT flows_idempotency UNIQUE (idempotency_scope, idempotency_key)
);

COMMENT ON TABLE flows IS 'One row a flow, written with its jobs';
COMMENT ON COLUMN flows.id IS 'UUIDv7 of our making; jobs.flow_id names it';
COMMENT ON COLUMN flows.name IS 'One line for people';
COMMENT ON COLUMN flows.metadata IS 'The caller''s own data, never read by us';
COMMENT ON COLUMN flows.job_count IS 'Jobs it was accepted with and jobs that were added since';
COMMENT ON COLUMN flows.created_at IS 'When it was accepted';
COMMENT ON COLUMN flows.cancelled_at IS 'When its cancel was asked for: no job is added any more';
COMMENT ON COLUMN flows.idempotency_scope IS 'Who asked and where: keys of different scopes never meet';
COMMENT ON COLUMN flows.idempotency_key IS 'The caller''s name for the request';
COMMENT ON COLUMN flows.fingerprint IS 'SHA-256 of the request: the same key with another fingerprint is refused';

DROP INDEX jobs_flow;
CREATE INDEX jobs_flow ON jobs (flow_id, status) INCLUDE (finished_at) WHERE flow_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_flow_name ON jobs (flow_id, flow_name) WHERE flow_id IS NOT NULL;
-- The children of a job that ended. Without a pending list: looking one up never scans others.
CREATE INDEX jobs_waiting_for ON jobs USING gin (depends_on) WITH (fastupdate = off) WHERE status = 'waiting';
CREATE INDEX jobs_held_in_flows ON jobs (id) WHERE flow_id IS NOT NULL AND status IN ('waiting', 'scheduled', 'queued');

-- Lists are read newest first, page by page: by creation, and dead letters by their end.
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_dead_letters ON jobs (finished_at, id) WHERE status = 'failed';

-- Jobs that are made again and again.
CREATE TABLE schedules (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    expression text NOT NULL,
    time_zone text NOT NULL,
    kind text NOT NULL,
    input jsonb NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    missed text NOT NULL CHECK (missed IN ('skip', 'run_once')),
    overlap text NOT NULL CHECK (overlap IN ('allow', 'skip')),
    enabled boolean NOT NULL,
    anchor_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    next_run_at timestamptz,
    last_run_at timestamptz,
    last_job_id uuid,
    last_error text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE schedules IS 'Jobs that are made again and again; a fire time makes its job in the transaction that sets the next one';
COMMENT ON COLUMN schedules.id IS 'UUIDv7 of our making';
COMMENT ON COLUMN schedules.name IS 'For people, and once';
COMMENT ON COLUMN schedules.expression IS 'Cron with five or six fields, @daily and its like, or @every';
COMMENT ON COLUMN schedules.time_zone IS 'IANA name of the zone whose clocks the expression means';
COMMENT ON COLUMN schedules.kind IS 'What its jobs do';
COMMENT ON COLUMN schedules.input IS 'What they are asked to do';
COMMENT ON COLUMN schedules.options IS 'What else a submission says: queue, priority, timeout, metadata …';
COMMENT ON COLUMN schedules.missed IS 'Fire times that passed without a worker: skip leaves them out, run_once makes one job for all of them';
COMMENT ON COLUMN schedules.overlap IS 'While the job before lives: allow makes another one, skip makes none';
COMMENT ON COLUMN schedules.enabled IS 'Whether it fires at all';
COMMENT ON COLUMN schedules.anchor_at IS 'What @every counts from';
COMMENT ON COLUMN schedules.version IS 'Grows with every change by its owner: a run that was planned before the change is refused';
COMMENT ON COLUMN schedules.next_run_at IS 'Next fire time; NULL while disabled';
COMMENT ON COLUMN schedules.last_run_at IS 'Fire time of its last job';
COMMENT ON COLUMN schedules.last_job_id IS 'The last job that a fire time made';
COMMENT ON COLUMN schedules.last_error IS 'Why the last fire time made no job; NULL when it did';
COMMENT ON COLUMN schedules.created_at IS 'When it was created';
COMMENT ON COLUMN schedules.updated_at IS 'Last change by its owner';

CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled;

-- Who holds a unique key is asked for every unique submission.
CREATE INDEX jobs_unique ON jobs (kind, unique_key) WHERE unique_key IS NOT NULL;

-- Submission in SQL: a service calls tidewheel.enqueue() inside its own transaction, and the job exists if and only if that commits.
CREATE TABLE job_kinds (
    kind text PRIMARY KEY,
    queue text NOT NULL,
    max_attempts integer NOT NULL,
    timeout_ms bigint NOT NULL,
    estimated_ms bigint NOT NULL,
    fields jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    registered boolean NOT NULL DEFAULT false,
    registration jsonb,
    is_open boolean NOT NULL DEFAULT false,
    CONSTRAINT job_kinds_registration CHECK (registered = (registration IS NOT NULL))
);

COMMENT ON TABLE job_kinds IS 'What each kind takes and how it runs unless the submission says otherwise; written by migrate, API and workers at their start';
COMMENT ON COLUMN job_kinds.kind IS 'Name of the kind';
COMMENT ON COLUMN job_kinds.queue IS 'Where its jobs wait';
COMMENT ON COLUMN job_kinds.max_attempts IS 'Charged attempts after which a failure is for good';
COMMENT ON COLUMN job_kinds.timeout_ms IS 'Longest run of one attempt';
COMMENT ON COLUMN job_kinds.estimated_ms IS 'How long it usually takes';
COMMENT ON COLUMN job_kinds.registered IS 'Another program''s: no version retires it';
COMMENT ON COLUMN job_kinds.registration IS 'What that program said of it, as GET /kinds/{kind} shows it';
COMMENT ON COLUMN job_kinds.is_open IS 'Its input may have members that fields does not name';
COMMENT ON COLUMN job_kinds.fields IS 'Members of its input by name: type (as jsonb_typeof says; NULL for any) and whether it is required';
COMMENT ON COLUMN job_kinds.updated_at IS 'Last change';

CREATE FUNCTION tidewheel.new_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE
AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid $$;
COMMENT ON FUNCTION tidewheel.new_id IS 'A UUIDv7: 48 bits of milliseconds, then random ones';

CREATE FUNCTION tidewheel.refuse(why text, todo text) RETURNS void LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'tidewheel.enqueue: ' || why, HINT = todo, ERRCODE = 'invalid_parameter_value'; END $$;
COMMENT ON FUNCTION tidewheel.refuse IS 'Ends a submission with what is wrong and what to do';

CREATE FUNCTION tidewheel.check_text(name text, value text, longest integer) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF value = '' OR octet_length(value) > longest THEN
        PERFORM tidewheel.refuse(format('%s has %s bytes', name, octet_length(value)), format('Give 1 to %s bytes, or NULL.', longest));
    END IF;
END $$;
COMMENT ON FUNCTION tidewheel.check_text IS 'Refuses a text that is empty or too long';

-- What can be said of an input without the kind's code: its members, their types, its size. The rest is checked when the job runs.
CREATE FUNCTION tidewheel.check_input(wanted text, input jsonb) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    known jsonb;
    open boolean;
    wrong text;
BEGIN
    SELECT k.fields, k.is_open INTO known, open FROM job_kinds k WHERE k.kind = wanted;
    IF jsonb_typeof(input) IS DISTINCT FROM 'object' THEN
        PERFORM tidewheel.refuse('input is not a JSON object', 'Give an object such as jsonb_build_object(''url'', ''https://example.com'').');
    ELSIF octet_length(input::text) > 1048576 THEN
        PERFORM tidewheel.refuse('input is larger than 1 MiB', 'Store the content elsewhere and give its address.');
    ELSIF jsonb_path_exists(input, '$.**{64}') THEN
        PERFORM tidewheel.refuse('input is nested deeper than 63 levels', 'Flatten it.');
    ELSIF jsonb_path_exists(input, '$.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))') THEN
        PERFORM tidewheel.refuse('input has a number that is too large', 'Give it as a string.');
    END IF;
    SELECT format('%I is not a field of kind %s', m.key, wanted) INTO wrong
    FROM jsonb_each(input) m WHERE NOT open AND NOT known ? m.key ORDER BY m.key LIMIT 1;
    IF wrong IS NULL THEN
        SELECT format('%I is required', f.key) INTO wrong FROM jsonb_each(known) f
        WHERE (f.value ->> 'required')::boolean AND coalesce(jsonb_typeof(input -> f.key), 'null') = 'null' ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NULL THEN
        SELECT format('%I must be a JSON %s', f.key, f.value ->> 'type') INTO wrong FROM jsonb_each(known) f
        WHERE jsonb_typeof(input -> f.key) <> ALL (ARRAY['null'] || string_to_array(f.value ->> 'type', ' or ')) ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM tidewheel.refuse('input: ' || wrong,
            coalesce('The fields are: ' || (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(known) f) || '.', 'It has no fields.'));
    END IF;
END $$;
COMMENT ON FUNCTION tidewheel.check_input IS 'Refuses an input that does not fit the kind';

CREATE FUNCTION tidewheel.check_options(
    queue text, priority text, run_at timestamptz, subject text, session_id text, tags text[], metadata jsonb, title text,
    max_attempts integer, timeout interval, idempotency_key text, concurrency_key text
) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM tidewheel.check_text('subject', subject, 200), tidewheel.check_text('session_id', session_id, 200),
        tidewheel.check_text('title', title, 300), tidewheel.check_text('concurrency_key', concurrency_key, 200);
    IF queue IS NOT NULL AND NOT EXISTS (SELECT FROM job_kinds k WHERE k.queue = check_options.queue) THEN
        PERFORM tidewheel.refuse(format('there is no queue %L', left(queue, 100)),
            'Queues are: ' || (SELECT string_agg(DISTINCT k.queue, ', ') FROM job_kinds k) || '.');
    ELSIF coalesce(priority NOT IN ('urgent', 'high', 'medium', 'low'), true) THEN
        PERFORM tidewheel.refuse('priority is unknown', 'Give urgent, high, medium or low.');
    ELSIF run_at > now() + interval '366 days' THEN
        PERFORM tidewheel.refuse('run_at is too far ahead', 'Give a time within the next 366 days.');
    ELSIF cardinality(tags) > 20 OR array_dims(tags) !~ '^\[1:\d+\]$'
        OR EXISTS (SELECT FROM unnest(tags) t WHERE t IS NULL OR octet_length(t) NOT BETWEEN 1 AND 100) THEN
        PERFORM tidewheel.refuse('tags do not fit', 'Give an array of at most 20 texts, 1 to 100 bytes each.');
    ELSIF jsonb_typeof(metadata) <> 'object' OR octet_length(metadata::text) > 16384 OR jsonb_path_exists(metadata, '$.**{64}')
        OR jsonb_path_exists(metadata, '$.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))') THEN
        PERFORM tidewheel.refuse('metadata does not fit', 'Give a JSON object of at most 16 KiB, nested at most 63 levels deep.');
    ELSIF max_attempts NOT BETWEEN 1 AND 100 THEN
        PERFORM tidewheel.refuse('max_attempts is out of range', 'Give 1 to 100.');
    ELSIF timeout NOT BETWEEN interval '1 second' AND interval '1 day' THEN
        PERFORM tidewheel.refuse('timeout is out of range', 'Give an interval from 1 second to 1 day.');
    ELSIF idempotency_key !~ '^[!-~]{1,255}$' THEN
        PERFORM tidewheel.refuse('idempotency_key does not fit', 'Give 1 to 255 visible ASCII characters.');
    ELSIF concurrency_key !~ '^[!-~]+$' OR concurrency_key = '*' THEN
        PERFORM tidewheel.refuse('concurrency_key does not fit', 'Give visible ASCII characters without spaces, and not * alone.');
    END IF;
END $$;
COMMENT ON FUNCTION tidewheel.check_options IS 'Refuses what no submission may say';

-- SECURITY DEFINER: a service needs USAGE on this schema and no right on any table.
CREATE FUNCTION tidewheel.enqueue(
    kind text, input jsonb DEFAULT '{}', queue text DEFAULT NULL, priority text DEFAULT 'medium', run_at timestamptz DEFAULT NULL,
    subject text DEFAULT NULL, session_id text DEFAULT NULL, tags text[] DEFAULT '{}', metadata jsonb DEFAULT '{}',
    title text DEFAULT NULL, max_attempts integer DEFAULT NULL, timeout interval DEFAULT NULL, idempotency_key text DEFAULT NULL,
    concurrency_key text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$
#variable_conflict use_column
DECLARE
    wanted job_kinds%ROWTYPE;
    moment timestamptz := date_trunc('milliseconds', clock_timestamp());
    due timestamptz := CASE WHEN enqueue.run_at > clock_timestamp() THEN enqueue.run_at END;
    mark text;
    made uuid;
    holder record;
BEGIN
    SELECT * INTO wanted FROM job_kinds k WHERE k.kind = enqueue.kind;
    IF NOT FOUND THEN
        PERFORM tidewheel.refuse(coalesce(format('there is no kind %L', left(enqueue.kind, 100)), 'kind is NULL'),
            coalesce('Kinds are: ' || (SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM job_kinds k) || '.',
                'No kind is known yet: start an API or a worker once, or run tidewheel migrate.'));
    END IF;
    PERFORM tidewheel.check_input(wanted.kind, enqueue.input);
    PERFORM tidewheel.check_options(
        enqueue.queue, enqueue.priority, enqueue.run_at, enqueue.subject, enqueue.session_id, enqueue.tags, enqueue.metadata, enqueue.title,
        enqueue.max_attempts, enqueue.timeout, enqueue.idempotency_key, enqueue.concurrency_key);
    mark := encode(sha256(convert_to(jsonb_build_array(
        enqueue.kind, enqueue.input, enqueue.queue, enqueue.priority, extract(epoch FROM enqueue.run_at), enqueue.subject, enqueue.session_id,
        enqueue.tags,
        enqueue.metadata, enqueue.title, enqueue.max_attempts, extract(epoch FROM enqueue.timeout), enqueue.concurrency_key)::text, 'UTF8')), 'hex');
    LOOP
        -- Waits for a transaction that is using the same key; which of the two commits decides.
        INSERT INTO jobs AS j (
            id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, max_attempts, timeout_ms, estimated_ms,
            concurrency_key, created_at, updated_at, scheduled_at, idempotency_scope, idempotency_key, fingerprint
        ) VALUES (
            tidewheel.new_id(moment), wanted.kind, coalesce(enqueue.queue, wanted.queue), enqueue.priority,
            CASE WHEN due IS NULL THEN 'queued' ELSE 'scheduled' END, enqueue.title, enqueue.subject, enqueue.session_id,
            coalesce(enqueue.tags, '{}'), enqueue.input, coalesce(enqueue.metadata, '{}'), coalesce(enqueue.max_attempts, wanted.max_attempts),
            coalesce(floor(extract(epoch FROM enqueue.timeout) * 1000)::bigint, wanted.timeout_ms), wanted.estimated_ms,
            enqueue.concurrency_key, moment, moment, due,
            CASE WHEN enqueue.idempotency_key IS NOT NULL THEN 'tidewheel.enqueue' END, enqueue.idempotency_key,
            CASE WHEN enqueue.idempotency_key IS NOT NULL THEN mark END
        ) ON CONFLICT DO NOTHING RETURNING j.id INTO made;
        IF made IS NOT NULL THEN
            PERFORM pg_notify('tidewheel_jobs', made::text);
            RETURN made;
        END IF;
        SELECT j.id, j.fingerprint INTO holder FROM jobs j
        WHERE j.idempotency_scope = 'tidewheel.enqueue' AND j.idempotency_key = enqueue.idempotency_key;
        IF FOUND AND holder.fingerprint = mark THEN
            RETURN holder.id;
        ELSIF FOUND THEN
            RAISE EXCEPTION USING MESSAGE = 'tidewheel.enqueue: the idempotency key was used with another request, which made job ' || holder.id,
                HINT = 'Repeat that request as it was, or take another key.', ERRCODE = 'unique_violation';
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tidewheel.enqueue IS 'Accepts a job in the caller''s transaction and returns its id; a repeated idempotency key returns the first one';

-- The caller's own schemas and temporary tables must not stand in for ours.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'tidewheel'::regnamespace AND proname IN ('enqueue', 'check_input', 'check_options')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;

-- Presentations as their users see them. The rows follow those of their jobs by triggers: whatever changes a job's row, in whatever statement,
-- changes the presentation's row in the same one. There is no second write that could fail, be forgotten or come late.
CREATE TABLE presentation_jobs (
    id uuid PRIMARY KEY,
    topic text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'processing', 'complete', 'error')),
    subject text NOT NULL DEFAULT 'default' CHECK (subject <> ''),
    presenton_id text,
    presenton_url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    user_id text,
    n_slides integer,
    error text
);

COMMENT ON TABLE presentation_jobs IS 'One row a presentation, kept when the record of its job is deleted; subject is the owner''s to change, the rest follows the job';
COMMENT ON COLUMN presentation_jobs.id IS 'Its job';
COMMENT ON COLUMN presentation_jobs.topic IS 'What it is about';
COMMENT ON COLUMN presentation_jobs.status IS 'pending, processing, complete, error: see tidewheel.presentation_status';
COMMENT ON COLUMN presentation_jobs.subject IS 'Where its owner put it: default (unorganised), biology, maths … The subject of its job follows';
COMMENT ON COLUMN presentation_jobs.presenton_id IS 'Presenton''s id of the presentation';
COMMENT ON COLUMN presentation_jobs.presenton_url IS 'Where it is viewed and edited, relative to Presenton''s root';
COMMENT ON COLUMN presentation_jobs.created_at IS 'When its job was accepted';
COMMENT ON COLUMN presentation_jobs.completed_at IS 'When it was complete';
COMMENT ON COLUMN presentation_jobs.user_id IS 'Whom it is for, as the caller said';
COMMENT ON COLUMN presentation_jobs.n_slides IS 'Slides that were asked for';
COMMENT ON COLUMN presentation_jobs.error IS 'Why there is none: the job failed or was cancelled';

-- Newest first, of all, of a status, a subject, both, or a user; counts of subjects are read from the fourth alone.
CREATE INDEX presentation_jobs_created ON presentation_jobs (created_at, id);
CREATE INDEX presentation_jobs_status ON presentation_jobs (status, created_at, id);
CREATE INDEX presentation_jobs_subject ON presentation_jobs (subject, created_at, id);
CREATE INDEX presentation_jobs_subject_status ON presentation_jobs (subject, status, created_at, id);
CREATE INDEX presentation_jobs_user ON presentation_jobs (user_id, created_at, id) WHERE user_id IS NOT NULL;

CREATE FUNCTION tidewheel.presentation_status(status text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE
    WHEN status = 'processing' THEN 'processing'
    WHEN status = 'completed' THEN 'complete'
    WHEN status IN ('failed', 'cancelled') THEN 'error'
    ELSE 'pending'
END $$;
COMMENT ON FUNCTION tidewheel.presentation_status IS 'What a job''s status is called in presentation_jobs';

CREATE FUNCTION tidewheel.follow_presentation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
    slides jsonb := NEW.input -> 'n_slides';
    is_moved boolean := TG_OP = 'UPDATE' AND OLD.subject IS DISTINCT FROM NEW.subject;
BEGIN
    INSERT INTO presentation_jobs AS p (
        id, topic, status, subject, presenton_id, presenton_url, created_at, completed_at, user_id, n_slides, error
    ) VALUES (
        NEW.id, left(coalesce(NEW.input ->> 'topic', ''), 10000), tidewheel.presentation_status(NEW.status), coalesce(NEW.subject, 'default'),
        left(NEW.result ->> 'presenton_id', 4096), left(NEW.result ->> 'presenton_url', 4096), NEW.created_at,
        CASE WHEN NEW.status = 'completed' THEN NEW.finished_at END, left(NEW.input ->> 'user_id', 200),
        CASE WHEN jsonb_typeof(slides) = 'number' THEN CASE WHEN slides::numeric BETWEEN 1 AND 10000 THEN slides::integer END END,
        CASE WHEN NEW.status IN ('failed', 'cancelled') THEN left(coalesce(NEW.error, 'The job was ' || NEW.status), 4096) END
    )
    ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, presenton_id = excluded.presenton_id, presenton_url = excluded.presenton_url,
        completed_at = excluded.completed_at, error = excluded.error,
        subject = CASE WHEN is_moved THEN excluded.subject ELSE p.subject END
    WHERE is_moved AND p.subject <> excluded.subject
        OR (p.status, p.presenton_id, p.presenton_url, p.completed_at, p.error) IS DISTINCT FROM
            (excluded.status, excluded.presenton_id, excluded.presenton_url, excluded.completed_at, excluded.error);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tidewheel.follow_presentation IS 'Carries what happens to a job of kind presentation to presentation_jobs';

-- Jobs of other kinds pay for a comparison of one word.
CREATE TRIGGER follow_presentation AFTER INSERT OR UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.kind = 'presentation') EXECUTE FUNCTION tidewheel.follow_presentation();

-- A transition locks the job's row, then the presentation's. Who moves many presentations locks the jobs' rows first, too.
CREATE FUNCTION tidewheel.follow_subject() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    UPDATE jobs SET subject = nullif(NEW.subject, 'default'), updated_at = greatest(updated_at, now())
    WHERE id = NEW.id AND coalesce(subject, 'default') <> NEW.subject;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tidewheel.follow_subject IS 'Carries the subject of a presentation to its job';

CREATE TRIGGER follow_subject AFTER UPDATE OF subject ON presentation_jobs
    FOR EACH ROW WHEN (OLD.subject <> NEW.subject) EXECUTE FUNCTION tidewheel.follow_subject();

-- The caller's own schemas and temporary tables must not stand in for ours.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'tidewheel'::regnamespace AND proname IN ('follow_presentation', 'follow_subject')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
-- Every list of jobs is read in its own order from an index: by one word and by the usual pairs, whatever the words' frequency.
DROP INDEX jobs_status_created, jobs_kind_created, jobs_queue_created;
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX jobs_by_kind ON jobs (kind, status, created_at, id, queue);
CREATE INDEX jobs_by_queue ON jobs (queue, status, created_at, id);
CREATE INDEX jobs_failed_kind ON jobs (kind, finished_at, id) WHERE status = 'failed';
CREATE INDEX jobs_failed_type ON jobs (error_type, finished_at, id) WHERE status = 'failed';
-- What people and models said to each other, by session.
CREATE TABLE conversations (
    session_id text COLLATE "C" PRIMARY KEY CHECK (octet_length(session_id) BETWEEN 1 AND 200),
    last_seq bigint NOT NULL,
    forgotten_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE conversations IS 'Sessions of the jobs that talk; a row appears with the first messages and goes with the last';
COMMENT ON COLUMN conversations.session_id IS 'The session_id of submissions';
COMMENT ON COLUMN conversations.last_seq IS 'Number of the last message; the row is locked while numbers are given';
COMMENT ON COLUMN conversations.forgotten_seq IS 'Messages up to this number are gone: a conversation keeps the last 10,000';
COMMENT ON COLUMN conversations.created_at IS 'End of the first job that said something';
COMMENT ON COLUMN conversations.updated_at IS 'End of the last one';

CREATE INDEX conversations_updated ON conversations (updated_at DESC, session_id DESC);

CREATE TABLE messages (
    session_id text COLLATE "C" NOT NULL REFERENCES conversations ON DELETE CASCADE,
    seq bigint NOT NULL,
    role text NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    content text NOT NULL CHECK (octet_length(content) <= 1048576),
    model text CHECK (octet_length(model) <= 200),
    thinking text CHECK (octet_length(thinking) <= 1048576),
    tokens integer NOT NULL CHECK (tokens >= 0),
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (session_id, seq)
);

COMMENT ON TABLE messages IS 'Messages of conversations; those of a job are written in the transaction of its result, once';
COMMENT ON COLUMN messages.session_id IS 'The conversation';
COMMENT ON COLUMN messages.seq IS 'Its place there, from 1 without gaps, in the order in which jobs ended; the messages of a job stand together';
COMMENT ON COLUMN messages.role IS 'system, user, assistant or tool';
COMMENT ON COLUMN messages.content IS 'What was said';
COMMENT ON COLUMN messages.model IS 'The model that said it';
COMMENT ON COLUMN messages.thinking IS 'What the model thought before; not sent to models again';
COMMENT ON COLUMN messages.tokens IS 'Tokens of the content, as the model counted or estimated from its length';
COMMENT ON COLUMN messages.job_id IS 'The job that said it; its row may be gone before the message';
COMMENT ON COLUMN messages.created_at IS 'End of that job';

CREATE INDEX messages_job ON messages (job_id);
CREATE INDEX messages_system ON messages (session_id, seq) WHERE role = 'system';

-- Who may ask the API for what. A key itself is nowhere: only its hash.
CREATE TABLE api_keys (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 200),
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ '{read,submit,manage,work}'::text[]),
    rate_count integer CHECK (rate_count > 0),
    rate_per_ms bigint CHECK (rate_per_ms > 0),
    burst integer CHECK (burst > 0),
    jobs_a_day integer CHECK (jobs_a_day > 0),
    live_jobs integer CHECK (live_jobs BETWEEN 1 AND 10000),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_rate CHECK (num_nulls(rate_count, rate_per_ms, burst) IN (0, 3))
);

COMMENT ON TABLE api_keys IS 'Who may ask the API for what';
COMMENT ON COLUMN api_keys.id IS 'The public part of the key: twk_<id>_…';
COMMENT ON COLUMN api_keys.name IS 'For people';
COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the whole key, hexadecimal';
COMMENT ON COLUMN api_keys.scopes IS 'read, submit, manage, work';
COMMENT ON COLUMN api_keys.rate_count IS 'Requests in rate_per_ms on average; NULL: no rate';
COMMENT ON COLUMN api_keys.rate_per_ms IS 'Length of the time that rate_count is for';
COMMENT ON COLUMN api_keys.burst IS 'Requests at once after a pause';
COMMENT ON COLUMN api_keys.jobs_a_day IS 'Jobs from midnight to midnight UTC; NULL: no quota';
COMMENT ON COLUMN api_keys.live_jobs IS 'Jobs of its own that may be live at once; NULL: no quota';
COMMENT ON COLUMN api_keys.created_at IS 'When it was created';
COMMENT ON COLUMN api_keys.expires_at IS 'From then on it is refused; NULL: never';
COMMENT ON COLUMN api_keys.revoked_at IS 'Since when it is refused; NULL: it is not revoked';
COMMENT ON COLUMN api_keys.last_used_at IS 'Last request with it, as far as is written down: at most once a minute; NULL: never used';

-- API processes hold the keys in memory: they are told of every change, also of one made by hand.
CREATE FUNCTION tidewheel.tell_of_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tidewheel_keys', '');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tidewheel.tell_of_keys IS 'Announces that keys have changed';

CREATE TRIGGER api_keys_changed
    AFTER INSERT OR DELETE OR TRUNCATE
        OR UPDATE OF id, name, hash, scopes, rate_count, rate_per_ms, burst, jobs_a_day, live_jobs, expires_at, revoked_at
    ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION tidewheel.tell_of_keys();

-- Changes of state that people and programs made. An entry is there before the change, its outcome comes after it.
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor IN ('key', 'loopback', 'anonymous', 'console')),
    key_id text,
    name text,
    address text,
    action text NOT NULL,
    target text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    request_id text,
    outcome text CHECK (outcome IN ('done', 'refused', 'failed')),
    status integer,
    problem text,
    ended_at timestamptz
);

COMMENT ON TABLE audit_log IS 'Changes of state that people and programs made over the API or the command line';
COMMENT ON COLUMN audit_log.id IS 'UUIDv7: sorts by time';
COMMENT ON COLUMN audit_log.at IS 'When it was asked for';
COMMENT ON COLUMN audit_log.actor IS 'key, loopback, anonymous or console';
COMMENT ON COLUMN audit_log.key_id IS 'The key that was used';
COMMENT ON COLUMN audit_log.name IS 'The key''s name at that time, or the user at the console';
COMMENT ON COLUMN audit_log.address IS 'The other end of the connection; a proxy''s where there is one';
COMMENT ON COLUMN audit_log.action IS 'What was asked for: job.cancel, limit.set …';
COMMENT ON COLUMN audit_log.target IS 'What it was done to: an id, a queue, a limit';
COMMENT ON COLUMN audit_log.detail IS 'What the action says of itself';
COMMENT ON COLUMN audit_log.request_id IS 'X-Request-ID of the request';
COMMENT ON COLUMN audit_log.outcome IS 'done, refused (nothing was changed) or failed; NULL: it began, and how it ended is not known';
COMMENT ON COLUMN audit_log.status IS 'Status of the HTTP answer';
COMMENT ON COLUMN audit_log.problem IS 'Type of the problem that was answered';
COMMENT ON COLUMN audit_log.ended_at IS 'When the outcome was written';

CREATE INDEX audit_log_target ON audit_log (target, id);
CREATE INDEX audit_log_key ON audit_log (key_id, id) WHERE key_id IS NOT NULL;
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_at ON audit_log (at);

-- What was asked of Presenton. It has no idempotency key: this table is what keeps a retried attempt from asking for a second deck.
CREATE TABLE presenton_tasks (
    job_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    server text NOT NULL,
    attempt integer NOT NULL,
    known text[],
    candidates text[],
    task_id text,
    outcome text CHECK (outcome IN ('completed', 'failed', 'lost', 'refused', 'given_up', 'overtaken', 'foreground')),
    asked_at timestamptz NOT NULL,
    held_at timestamptz NOT NULL,
    closed_at timestamptz,
    sent_at timestamptz,
    deck_id text,
    PRIMARY KEY (job_id, number)
);

COMMENT ON TABLE presenton_tasks IS 'One row a deck that a job asked Presenton for, written before it asks: a later attempt follows the same task, or finds it';
COMMENT ON COLUMN presenton_tasks.job_id IS 'The job';
COMMENT ON COLUMN presenton_tasks.number IS 'How many decks it has asked for; another one only when the one before is known to have failed';
COMMENT ON COLUMN presenton_tasks.server IS 'Address of the Presenton';
COMMENT ON COLUMN presenton_tasks.attempt IS 'Attempt that asked, or that looked last';
COMMENT ON COLUMN presenton_tasks.known IS 'Tasks that the server listed before and that none of our jobs had asked for, or decks of the same text where the worker waits; NULL: it lists none';
COMMENT ON COLUMN presenton_tasks.candidates IS 'Of a question that was overtaken: tasks that may be its answer, as the server listed them then';
COMMENT ON COLUMN presenton_tasks.task_id IS 'What Presenton called it; NULL: its answer is not known (yet)';
COMMENT ON COLUMN presenton_tasks.outcome IS 'NULL: open; completed, failed, lost (silent for too long), refused (nothing was begun), given_up (nobody can say), overtaken (another job had to ask), foreground (made while the worker waits)';
COMMENT ON COLUMN presenton_tasks.asked_at IS 'When the question was last about to be sent';
COMMENT ON COLUMN presenton_tasks.held_at IS 'When the right to ask was last taken';
COMMENT ON COLUMN presenton_tasks.closed_at IS 'When the outcome was known';
COMMENT ON COLUMN presenton_tasks.sent_at IS 'Of a deck that is made while the worker waits: when it was about to be asked for; NULL: not yet, or known to have never arrived';
COMMENT ON COLUMN presenton_tasks.deck_id IS 'Of such a deck: what Presenton called it. No deck belongs to two jobs';

-- No task is two jobs', and one question at a time is without its answer: then a task that nobody claims is the answer to that one.
CREATE UNIQUE INDEX presenton_tasks_id ON presenton_tasks (server, task_id) WHERE task_id IS NOT NULL;
CREATE UNIQUE INDEX presenton_tasks_open ON presenton_tasks (server) WHERE task_id IS NULL AND outcome IS NULL;
CREATE UNIQUE INDEX presenton_tasks_deck ON presenton_tasks (server, deck_id) WHERE deck_id IS NOT NULL;

-- No foreign key: its lock on the job's row would wait for the job's own ends.
CREATE FUNCTION tidewheel.forget_presenton_tasks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$ BEGIN DELETE FROM presenton_tasks WHERE job_id = OLD.id; RETURN NULL; END $$;
COMMENT ON FUNCTION tidewheel.forget_presenton_tasks IS 'Deletes what a job asked of Presenton with the record of the job';

CREATE TRIGGER forget_presenton_tasks AFTER DELETE ON jobs
    FOR EACH ROW WHEN (OLD.kind = 'presentation') EXECUTE FUNCTION tidewheel.forget_presenton_tasks();

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION tidewheel.forget_presenton_tasks() SET search_path = %I, pg_temp', current_schema());
END $$;

-- Whom to tell when jobs end. An end makes its deliveries in its own statement; each delivery is sent by a job of kind webhook.
CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    url text CHECK (octet_length(url) BETWEEN 1 AND 2048),
    kinds text[] NOT NULL DEFAULT '{}',
    statuses text[] NOT NULL DEFAULT '{completed,failed,cancelled}' CHECK (statuses <@ '{completed,failed,cancelled}'),
    subjects text[] NOT NULL DEFAULT '{}',
    description text,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    secret text,
    previous_secret text,
    previous_until timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE webhooks IS 'Who is told when jobs end; one row without url holds the secret for what jobs bring themselves';
COMMENT ON COLUMN webhooks.id IS 'UUIDv7 of our making; 00000000-0000-7000-8000-000000000000 is the row for the webhooks of single jobs';
COMMENT ON COLUMN webhooks.url IS 'The receiver; NULL in the row for single jobs';
COMMENT ON COLUMN webhooks.kinds IS 'Kinds of jobs that it is told of; empty: of every kind';
COMMENT ON COLUMN webhooks.statuses IS 'Ends that it is told of: completed, failed, cancelled';
COMMENT ON COLUMN webhooks.subjects IS 'Subjects that it is told of; empty: every job''s';
COMMENT ON COLUMN webhooks.description IS 'For people';
COMMENT ON COLUMN webhooks.enabled IS 'Whether ends make deliveries for it, and whether open ones are sent';
COMMENT ON COLUMN webhooks.disabled_reason IS 'gone: the receiver answered 410; NULL: its owner disabled it';
COMMENT ON COLUMN webhooks.secret IS 'What deliveries are signed with, whsec_ and base64; never shown again after its making';
COMMENT ON COLUMN webhooks.previous_secret IS 'The secret before the last rotation, which signs beside the new one until previous_until';
COMMENT ON COLUMN webhooks.previous_until IS 'End of the time in which receivers may still know the previous secret only';
COMMENT ON COLUMN webhooks.version IS 'Grows with every change by its owner';
COMMENT ON COLUMN webhooks.created_at IS 'When it was created';
COMMENT ON COLUMN webhooks.updated_at IS 'Last change';

INSERT INTO webhooks (id) VALUES ('00000000-0000-7000-8000-000000000000');

ALTER TABLE jobs ADD COLUMN webhook jsonb;
COMMENT ON COLUMN jobs.webhook IS 'Whom its submission wants told of its end: {"url", "events": [completed, failed, cancelled]}';

-- No foreign key to webhooks: an end of a job must not fail because a webhook is deleted at that moment. The retention duty takes what is left over.
CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT tidewheel.new_id(clock_timestamp()),
    webhook_id uuid NOT NULL,
    job_id uuid NOT NULL,
    event text NOT NULL,
    url text,
    payload text,
    sender uuid,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (webhook_id, id) WHERE delivered_at IS NULL;
CREATE INDEX webhook_deliveries_job ON webhook_deliveries (job_id);

COMMENT ON TABLE webhook_deliveries IS 'One row for each end of a job and each receiver of it, written with the end';
COMMENT ON COLUMN webhook_deliveries.id IS 'UUIDv7; the header webhook-id, the same however often it is sent';
COMMENT ON COLUMN webhook_deliveries.webhook_id IS 'The webhook';
COMMENT ON COLUMN webhook_deliveries.job_id IS 'The job that ended';
COMMENT ON COLUMN webhook_deliveries.event IS 'job.completed, job.failed or job.cancelled';
COMMENT ON COLUMN webhook_deliveries.url IS 'The receiver that a single job named; NULL: the webhook''s own';
COMMENT ON COLUMN webhook_deliveries.payload IS 'The bytes that are signed and sent: JSON, at most 20,000 bytes';
COMMENT ON COLUMN webhook_deliveries.sender IS 'The job of kind webhook that sends it, or sent it last';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'How often it was sent, or was tried to be';
COMMENT ON COLUMN webhook_deliveries.created_at IS 'When the job ended';
COMMENT ON COLUMN webhook_deliveries.delivered_at IS 'When the receiver answered 2xx last; NULL: not yet, or being sent again';

CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    sender uuid NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms bigint NOT NULL,
    status integer,
    body text CHECK (octet_length(body) <= 16384),
    error text,
    error_type text,
    PRIMARY KEY (delivery_id, number)
);

COMMENT ON TABLE webhook_attempts IS 'Every attempt at sending a delivery that came to an end';
COMMENT ON COLUMN webhook_attempts.delivery_id IS 'The delivery';
COMMENT ON COLUMN webhook_attempts.number IS 'From 1, over all senders';
COMMENT ON COLUMN webhook_attempts.sender IS 'The job that sent it';
COMMENT ON COLUMN webhook_attempts.started_at IS 'When';
COMMENT ON COLUMN webhook_attempts.duration_ms IS 'From the request to the answer or the failure';
COMMENT ON COLUMN webhook_attempts.status IS 'HTTP status; NULL when there was no answer';
COMMENT ON COLUMN webhook_attempts.body IS 'The first 4 KiB of the answer';
COMMENT ON COLUMN webhook_attempts.error IS 'Why it was no success; one sentence';
COMMENT ON COLUMN webhook_attempts.error_type IS 'The same in one word';

-- Who is to be told of an end; deliveries themselves are never told of. With a plan of its own: as a part of the statements that end jobs it
-- would make them longer to plan. They ask only when there is a webhook at all.
CREATE FUNCTION tidewheel.told(kind text, status text, subject text, webhook jsonb)
RETURNS TABLE (webhook_id uuid, url text) LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT w.id, NULL::text FROM webhooks w
    WHERE w.enabled AND w.url IS NOT NULL AND told.status = ANY (w.statuses) AND told.kind <> 'webhook'
        AND (w.kinds = '{}' OR told.kind = ANY (w.kinds)) AND (w.subjects = '{}' OR told.subject = ANY (w.subjects))
    UNION ALL
    SELECT '00000000-0000-7000-8000-000000000000'::uuid, told.webhook ->> 'url'
    WHERE told.webhook ->> 'url' IS NOT NULL AND told.webhook -> 'events' ? told.status;
END $$;
COMMENT ON FUNCTION tidewheel.told IS 'The webhooks that are told of a job''s end';

CREATE FUNCTION tidewheel.receiver(url text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT left(coalesce(substring(lower(url) FROM '^https?://(\[[0-9a-f:.]+\]|[^:/?#]+)'), 'nobody'), 150) $$;
COMMENT ON FUNCTION tidewheel.receiver IS 'The host of a receiver: its deliveries share a concurrency key, so that one that hangs keeps no others back';

CREATE FUNCTION tidewheel.rfc3339(moment timestamptz) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
COMMENT ON FUNCTION tidewheel.rfc3339 IS 'A time as JSON has it: UTC with milliseconds';

CREATE FUNCTION tidewheel.webhook_message(event text, at timestamptz, data jsonb) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT jsonb_build_object('type', event, 'timestamp', tidewheel.rfc3339(at), 'data', data)::text $$;
COMMENT ON FUNCTION tidewheel.webhook_message IS 'The body of a webhook, as Standard Webhooks has it';

-- The job as its receivers are told of it. What is too large is left out, and said to be: the job's own address has it.
CREATE FUNCTION tidewheel.webhook_payload(ended jobs, event text) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    facts jsonb := jsonb_build_object(
        'job_id', ended.id, 'kind', ended.kind, 'queue', ended.queue, 'status', ended.status, 'attempt', ended.attempt,
        'created_at', tidewheel.rfc3339(ended.created_at), 'finished_at', tidewheel.rfc3339(ended.finished_at),
        'status_url', '/jobs/' || ended.id);
    texts jsonb := jsonb_strip_nulls(jsonb_build_object(
        'started_at', tidewheel.rfc3339(ended.started_at), 'title', ended.title, 'subject', ended.subject, 'session_id', ended.session_id,
        'tags', CASE WHEN ended.tags <> '{}' THEN to_jsonb(ended.tags) END, 'flow_id', ended.flow_id,
        'error', left(ended.error, 1000), 'error_type', left(ended.error_type, 100)));
    large jsonb := '{}';
    message text;
BEGIN
    IF pg_column_size(ended.metadata) <= 16384 AND coalesce(pg_column_size(ended.result), 0) <= 16384 THEN
        large := jsonb_build_object('metadata', ended.metadata);
        IF ended.result IS NOT NULL THEN
            large := large || jsonb_build_object('result', ended.result);
        END IF;
        message := tidewheel.webhook_message(event, ended.finished_at, facts || texts || large);
    END IF;
    IF message IS NULL OR octet_length(message) > 20000 THEN
        large := jsonb_build_object('result_omitted', true, 'metadata_omitted', true);
        message := tidewheel.webhook_message(event, ended.finished_at, facts || texts || large);
    END IF;
    IF octet_length(message) > 20000 THEN
        message := tidewheel.webhook_message(event, ended.finished_at, facts || large || '{"texts_omitted": true}');
    END IF;
    RETURN message;
END $$;
COMMENT ON FUNCTION tidewheel.webhook_payload IS 'What a receiver is told of a job''s end: JSON of at most 20,000 bytes';

-- The job that sends a delivery. Its row is the outbox: the leader queues it when it hears of it, or finds it later.
CREATE FUNCTION tidewheel.make_sender(delivery uuid, event text, url text, traceparent text) RETURNS uuid LANGUAGE plpgsql
AS $$
DECLARE
    moment timestamptz := date_trunc('milliseconds', clock_timestamp());
    made uuid := tidewheel.new_id(moment);
    host text := tidewheel.receiver(url);
BEGIN
    INSERT INTO jobs (
        id, kind, queue, priority, status, title, input, max_attempts, timeout_ms, estimated_ms, concurrency_key, traceparent,
        created_at, updated_at
    )
    SELECT made, 'webhook', coalesce(k.queue, 'webhooks'), 'medium', 'queued', event || ' to ' || host,
        jsonb_build_object('delivery', delivery), coalesce(k.max_attempts, 9), coalesce(k.timeout_ms, 60000), coalesce(k.estimated_ms, 1000),
        'webhook:' || host, traceparent, moment, moment
    FROM (SELECT) AS one LEFT JOIN job_kinds k ON k.kind = 'webhook';
    PERFORM pg_notify('tidewheel_jobs', made::text);
    RETURN made;
END $$;
COMMENT ON FUNCTION tidewheel.make_sender IS 'Accepts the job that sends a delivery';

CREATE FUNCTION tidewheel.fill_delivery() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
    ended jobs%ROWTYPE;
    receiver text := coalesce(NEW.url, (SELECT w.url FROM webhooks w WHERE w.id = NEW.webhook_id));
BEGIN
    SELECT * INTO ended FROM jobs j WHERE j.id = NEW.job_id;
    UPDATE webhook_deliveries d SET
        payload = tidewheel.webhook_payload(ended, NEW.event),
        sender = tidewheel.make_sender(NEW.id, NEW.event, receiver, ended.traceparent)
    WHERE d.id = NEW.id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tidewheel.fill_delivery IS 'Gives a delivery its payload and its sender, when the end of the job is in the row';

CREATE TRIGGER webhook_deliveries_fill AFTER INSERT ON webhook_deliveries FOR EACH ROW EXECUTE FUNCTION tidewheel.fill_delivery();


-- What people ask: times of steps for as long as the job's record is kept, and views for the usual questions.
CREATE TABLE job_step_times (
    job_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, name, attempt)
);

COMMENT ON TABLE job_step_times IS 'When steps were finished, of jobs whose results of steps are deleted already; see v_step_times';
COMMENT ON COLUMN job_step_times.job_id IS 'The job';
COMMENT ON COLUMN job_step_times.name IS 'Name of the step';
COMMENT ON COLUMN job_step_times.attempt IS 'Attempt that finished it';
COMMENT ON COLUMN job_step_times.finished_at IS 'When it was finished';

CREATE VIEW v_step_times AS
SELECT s.job_id, s.name, s.attempt, s.finished_at,
    round(extract(epoch FROM s.finished_at - greatest(
        a.started_at, lag(s.finished_at) OVER (PARTITION BY s.job_id ORDER BY s.finished_at, s.name))), 3) AS seconds
FROM (
    SELECT job_id, name, attempt, finished_at FROM job_step_times
    UNION ALL
    SELECT job_id, name, attempt, stored_at FROM job_steps
) AS s
LEFT JOIN job_attempts a ON a.job_id = s.job_id AND a.attempt = s.attempt;

COMMENT ON VIEW v_step_times IS 'One row a finished step of a recorded job; ask for one job_id or join it with few jobs';
COMMENT ON COLUMN v_step_times.job_id IS 'The job';
COMMENT ON COLUMN v_step_times.name IS 'Name of the step';
COMMENT ON COLUMN v_step_times.attempt IS 'Attempt that finished it';
COMMENT ON COLUMN v_step_times.finished_at IS 'When it was finished';
COMMENT ON COLUMN v_step_times.seconds IS 'Since the step before it, or the start of the attempt; of steps that run side by side only the sum is meant';

CREATE VIEW v_jobs_by_subject AS
SELECT coalesce(subject, 'default') AS subject, kind,
    count(*) AS jobs,
    count(*) FILTER (WHERE status NOT IN ('completed', 'failed', 'cancelled')) AS live,
    count(*) FILTER (WHERE status = 'completed') AS completed,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    round(avg(extract(epoch FROM finished_at - started_at)) FILTER (WHERE status = 'completed'), 1) AS mean_seconds,
    min(created_at) AS first_created_at,
    max(created_at) AS last_created_at
FROM jobs
GROUP BY coalesce(subject, 'default'), kind;

COMMENT ON VIEW v_jobs_by_subject IS 'Recorded jobs counted by subject and kind; reads every row of jobs, so ask it for reports';
COMMENT ON COLUMN v_jobs_by_subject.subject IS 'What or whom they are about; default: jobs without a subject';
COMMENT ON COLUMN v_jobs_by_subject.kind IS 'What they do';
COMMENT ON COLUMN v_jobs_by_subject.jobs IS 'All of them';
COMMENT ON COLUMN v_jobs_by_subject.live IS 'Those that have not ended';
COMMENT ON COLUMN v_jobs_by_subject.completed IS 'Those that are completed';
COMMENT ON COLUMN v_jobs_by_subject.failed IS 'Dead letters';
COMMENT ON COLUMN v_jobs_by_subject.cancelled IS 'Those that were cancelled';
COMMENT ON COLUMN v_jobs_by_subject.mean_seconds IS 'Of completed ones, from the start of the first attempt to the end';
COMMENT ON COLUMN v_jobs_by_subject.first_created_at IS 'When the first one was accepted';
COMMENT ON COLUMN v_jobs_by_subject.last_created_at IS 'When the last one was accepted';

CREATE VIEW v_daily_stats AS
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, kind,
    count(*) AS accepted,
    count(*) FILTER (WHERE status = 'completed') AS completed,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE attempt > 1) AS tried_again,
    round(avg(extract(epoch FROM started_at - coalesce(scheduled_at, created_at))) FILTER (WHERE attempt = 1), 3) AS mean_wait_seconds,
    round(avg(extract(epoch FROM finished_at - started_at)) FILTER (WHERE status = 'completed'), 3) AS mean_seconds,
    round((percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
        FILTER (WHERE status = 'completed'))::numeric, 3) AS p95_seconds,
    sum(tokens_in)::bigint AS tokens_in,
    sum(tokens_out)::bigint AS tokens_out,
    sum(cost_microusd)::bigint AS cost_microusd
FROM jobs
GROUP BY (created_at AT TIME ZONE 'UTC')::date, kind;

COMMENT ON VIEW v_daily_stats IS 'What became of the jobs that were accepted on a day, by kind; reads every row of jobs';
COMMENT ON COLUMN v_daily_stats.day IS 'Day of acceptance, UTC';
COMMENT ON COLUMN v_daily_stats.kind IS 'What they do';
COMMENT ON COLUMN v_daily_stats.accepted IS 'All of them';
COMMENT ON COLUMN v_daily_stats.completed IS 'Those that are completed by now';
COMMENT ON COLUMN v_daily_stats.failed IS 'Those that are dead letters now';
COMMENT ON COLUMN v_daily_stats.cancelled IS 'Those that were cancelled';
COMMENT ON COLUMN v_daily_stats.tried_again IS 'Those that took more than one attempt';
COMMENT ON COLUMN v_daily_stats.mean_wait_seconds IS 'From acceptance, or the time it was due, to the start; of jobs with one attempt';
COMMENT ON COLUMN v_daily_stats.mean_seconds IS 'Of completed ones, from the start of the first attempt to the end';
COMMENT ON COLUMN v_daily_stats.p95_seconds IS '95 in a hundred took at most this';
COMMENT ON COLUMN v_daily_stats.tokens_in IS 'Tokens sent to models';
COMMENT ON COLUMN v_daily_stats.tokens_out IS 'Tokens received from models';
COMMENT ON COLUMN v_daily_stats.cost_microusd IS 'Cost in millionths of a US dollar';

CREATE VIEW v_slow_jobs AS
SELECT id AS job_id, kind, queue, status, subject, title, attempt, created_at, started_at, finished_at,
    round(extract(epoch FROM started_at - created_at), 3) AS waited_seconds,
    round(extract(epoch FROM coalesce(finished_at, now()) - started_at), 3) AS run_seconds,
    round(estimated_ms / 1000.0, 3) AS usual_seconds,
    round(extract(epoch FROM coalesce(finished_at, now()) - started_at) * 1000 / estimated_ms, 2) AS times_usual
FROM jobs
WHERE started_at IS NOT NULL AND (finished_at IS NOT NULL OR status = 'processing') AND estimated_ms > 0
    AND extract(epoch FROM coalesce(finished_at, now()) - started_at) * 1000 > 2 * estimated_ms;

COMMENT ON VIEW v_slow_jobs IS 'Jobs that ran, or have been running, more than twice as long as jobs of their kind usually take; narrow it by created_at';
COMMENT ON COLUMN v_slow_jobs.job_id IS 'The job';
COMMENT ON COLUMN v_slow_jobs.kind IS 'What it does';
COMMENT ON COLUMN v_slow_jobs.queue IS 'Where it waited';
COMMENT ON COLUMN v_slow_jobs.status IS 'processing, completed, failed or cancelled';
COMMENT ON COLUMN v_slow_jobs.subject IS 'What or whom it is about';
COMMENT ON COLUMN v_slow_jobs.title IS 'One line for people';
COMMENT ON COLUMN v_slow_jobs.attempt IS 'Attempts so far';
COMMENT ON COLUMN v_slow_jobs.created_at IS 'When it was accepted';
COMMENT ON COLUMN v_slow_jobs.started_at IS 'Start of the first attempt';
COMMENT ON COLUMN v_slow_jobs.finished_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN v_slow_jobs.waited_seconds IS 'From acceptance to the start, delays included';
COMMENT ON COLUMN v_slow_jobs.run_seconds IS 'From the start of the first attempt to the end, or until now';
COMMENT ON COLUMN v_slow_jobs.usual_seconds IS 'How long the kind usually took when the job was accepted';
COMMENT ON COLUMN v_slow_jobs.times_usual IS 'How many times as long as usual it ran';

-- Search in what jobs were asked, gave and failed with. Beside the jobs, and filled by the leader a moment later: jobs pay nothing for it.
CREATE TABLE job_search (
    job_id uuid PRIMARY KEY,
    finished_at timestamptz,
    words tsvector NOT NULL,
    document jsonb NOT NULL
);

COMMENT ON TABLE job_search IS 'What GET /jobs?q= looks at: made from jobs by the leader, a second or two after a job was accepted or ended; may be emptied, and fills again';
COMMENT ON COLUMN job_search.job_id IS 'The job';
COMMENT ON COLUMN job_search.finished_at IS 'jobs.finished_at when this was made: another value there says that this is old';
COMMENT ON COLUMN job_search.words IS 'Words of title, description, error, and of the strings in input and result (the first 65,536 characters of each), as they are written';
COMMENT ON COLUMN job_search.document IS 'Members input, result, metadata, error and error_type; of a part over 8 KiB only its members up to 4 KiB, at most 64 KiB in all';

-- Small pending lists: a search reads them whole.
CREATE INDEX job_search_words ON job_search USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX job_search_document ON job_search USING gin (document jsonb_path_ops) WITH (gin_pending_list_limit = 512);

CREATE FUNCTION tidewheel.part_words(part jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE
    WHEN octet_length(part::text) <= 65536 THEN to_tsvector('pg_catalog.simple', part)
    ELSE (
        SELECT to_tsvector('pg_catalog.simple', left(string_agg(left(t #>> '{}', 65536), ' '), 65536))
        FROM jsonb_path_query(part, 'strict $.** ? (@.type() == "string")') t)
END $$;
COMMENT ON FUNCTION tidewheel.part_words IS 'Words of the strings in a JSON value';

CREATE FUNCTION tidewheel.search_words(job jobs) RETURNS tsvector LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN to_tsvector('pg_catalog.simple', left(concat_ws(' ', job.title, job.description, job.error), 65536))
        || coalesce(tidewheel.part_words(job.input), '') || coalesce(tidewheel.part_words(job.result), '');
EXCEPTION WHEN OTHERS THEN
    -- More different words than one value can hold, or nested deeper than the stack allows: one job must not stop the others.
    RETURN to_tsvector('pg_catalog.simple', left(concat_ws(' ', job.title, job.error), 2000));
END $$;
COMMENT ON FUNCTION tidewheel.search_words IS 'The words that a job is found by';

CREATE FUNCTION tidewheel.search_part(part jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE
    WHEN octet_length(part::text) <= 8192 THEN part
    WHEN jsonb_typeof(part) = 'object' THEN (
        SELECT CASE WHEN sum(octet_length(m.value::text)) <= 65536 THEN jsonb_object_agg(m.key, m.value) END
        FROM jsonb_each(part) m WHERE octet_length(m.value::text) <= 4096)
END $$;
COMMENT ON FUNCTION tidewheel.search_part IS 'A JSON value, or of a large one its small members';

CREATE FUNCTION tidewheel.search_document(job jobs) RETURNS jsonb LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('error', left(job.error, 2000), 'error_type', job.error_type))
        || jsonb_build_object('input', tidewheel.search_part(job.input), 'metadata', tidewheel.search_part(job.metadata))
        || CASE WHEN job.result IS NULL THEN '{}' ELSE jsonb_build_object('result', tidewheel.search_part(job.result)) END;
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';
END $$;
COMMENT ON FUNCTION tidewheel.search_document IS 'The JSON document that JSON paths of a search look at';

-- Each path is a condition, or a place at which something must be; all of them must hold.
CREATE FUNCTION tidewheel.search_path(paths text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    path text;
    terms text[] := '{}';
BEGIN
    FOREACH path IN ARRAY paths LOOP
        PERFORM path::jsonpath;
        BEGIN
            PERFORM ('$ ? (' || path || ')')::jsonpath;
            terms := terms || ('(' || path || ')');
        EXCEPTION WHEN syntax_error THEN
            PERFORM ('$ ? (exists(' || path || '))')::jsonpath;
            terms := terms || ('exists(' || path || ')');
        END;
    END LOOP;
    RETURN '$ ? (' || nullif(array_to_string(terms, ' && '), '') || ')';
END $$;
COMMENT ON FUNCTION tidewheel.search_path IS 'One JSON path for all of a search; NULL for none';

-- Answers of models that may be given again, who is asking for one now, how each model does, and what people think of it.
CREATE TABLE prompt_cache (
    key text PRIMARY KEY CHECK (key ~ '^[0-9a-f]{64}$'),
    scope text NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    digest text,
    answer jsonb NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    duration_ms bigint NOT NULL DEFAULT 0,
    embedding_model text,
    embedding real[],
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    exact_hits bigint NOT NULL DEFAULT 0,
    semantic_hits bigint NOT NULL DEFAULT 0,
    CONSTRAINT prompt_cache_embedding CHECK (num_nulls(embedding_model, embedding) IN (0, 2))
);

COMMENT ON TABLE prompt_cache IS 'Answers of models, given again to requests that are equal, or near enough where the job says so';
COMMENT ON COLUMN prompt_cache.key IS 'SHA-256 of the normalised request: kind, provider, model and its digest, options, prompt';
COMMENT ON COLUMN prompt_cache.scope IS 'SHA-256 of the same without the prompt: only within it are prompts compared by meaning';
COMMENT ON COLUMN prompt_cache.kind IS 'Kind of the job that asked';
COMMENT ON COLUMN prompt_cache.model IS 'Model that answered';
COMMENT ON COLUMN prompt_cache.digest IS 'Digest of its weights; NULL: its server does not say';
COMMENT ON COLUMN prompt_cache.answer IS 'What the job''s result has of the answer';
COMMENT ON COLUMN prompt_cache.bytes IS 'Size of answer and embedding';
COMMENT ON COLUMN prompt_cache.duration_ms IS 'How long the model took: what each hit saves';
COMMENT ON COLUMN prompt_cache.embedding_model IS 'Model that embedded the prompt; NULL: the job did not ask for answers by meaning';
COMMENT ON COLUMN prompt_cache.embedding IS 'Of the prompt, of length 1';
COMMENT ON COLUMN prompt_cache.job_id IS 'Job that asked';
COMMENT ON COLUMN prompt_cache.created_at IS 'When the model answered';
COMMENT ON COLUMN prompt_cache.used_at IS 'When it was last given: the one that was not used for longest goes first';
COMMENT ON COLUMN prompt_cache.exact_hits IS 'How often it was given to an equal request';
COMMENT ON COLUMN prompt_cache.semantic_hits IS 'How often it was given to one that was near enough';

CREATE INDEX prompt_cache_scope ON prompt_cache (scope, created_at DESC) WHERE embedding IS NOT NULL;
CREATE INDEX prompt_cache_created ON prompt_cache (created_at);
CREATE INDEX prompt_cache_used ON prompt_cache (used_at);

CREATE TABLE prompt_leads (
    key text PRIMARY KEY,
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    until timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('answered', 'alone'))
);

COMMENT ON TABLE prompt_leads IS 'Which job asks a model for all that want the same answer at the same time';
COMMENT ON COLUMN prompt_leads.key IS 'Of the answer, as in prompt_cache';
COMMENT ON COLUMN prompt_leads.job_id IS 'The job that asks';
COMMENT ON COLUMN prompt_leads.attempt IS 'Its attempt';
COMMENT ON COLUMN prompt_leads.until IS 'Renewed while it asks; later than this it is dead, and another one asks';
COMMENT ON COLUMN prompt_leads.outcome IS 'NULL: it asks; answered: look into prompt_cache; alone: the answer cannot be shared, and until then each asks for itself';

CREATE TABLE model_performance (
    model text NOT NULL,
    kind text NOT NULL,
    task_category text NOT NULL,
    answers bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    total_ms double precision NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0,
    recent_ms double precision,
    recent_failures double precision NOT NULL DEFAULT 0,
    exact_hits bigint NOT NULL DEFAULT 0,
    semantic_hits bigint NOT NULL DEFAULT 0,
    saved_ms double precision NOT NULL DEFAULT 0,
    feedback bigint NOT NULL DEFAULT 0,
    feedback_sum double precision NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, kind, task_category)
);

COMMENT ON TABLE model_performance IS 'How each model does, by kind of job and category of task: what model auto is chosen by';
COMMENT ON COLUMN model_performance.model IS 'The model';
COMMENT ON COLUMN model_performance.kind IS 'Kind of job';
COMMENT ON COLUMN model_performance.task_category IS 'What the submissions call their task; general without a word';
COMMENT ON COLUMN model_performance.answers IS 'Answers that the model gave';
COMMENT ON COLUMN model_performance.failures IS 'Calls that failed';
COMMENT ON COLUMN model_performance.total_ms IS 'How long the answers took';
COMMENT ON COLUMN model_performance.total_tokens IS 'Tokens of the answers, as far as servers say';
COMMENT ON COLUMN model_performance.recent_ms IS 'How long answers take lately: a moving mean, each new one counts for a tenth';
COMMENT ON COLUMN model_performance.recent_failures IS 'Part of the calls that fail lately, 0 to 1, in the same way';
COMMENT ON COLUMN model_performance.exact_hits IS 'Answers that came from the cache for an equal request';
COMMENT ON COLUMN model_performance.semantic_hits IS 'Answers that came from the cache for one that was near enough';
COMMENT ON COLUMN model_performance.saved_ms IS 'How long the answers that came from the cache had taken';
COMMENT ON COLUMN model_performance.feedback IS 'How many scores were given';
COMMENT ON COLUMN model_performance.feedback_sum IS 'Their sum';
COMMENT ON COLUMN model_performance.updated_at IS 'Last change';

CREATE TABLE model_feedback (
    id uuid PRIMARY KEY,
    model text NOT NULL,
    kind text NOT NULL,
    task_category text NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN -1 AND 1),
    reason text,
    prompt text,
    job_id uuid,
    given_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE model_feedback IS 'What people and programs think of models'' answers';
COMMENT ON COLUMN model_feedback.id IS 'UUIDv7: sorts by time';
COMMENT ON COLUMN model_feedback.model IS 'Model that answered';
COMMENT ON COLUMN model_feedback.kind IS 'Kind of job';
COMMENT ON COLUMN model_feedback.task_category IS 'What kind of task it was';
COMMENT ON COLUMN model_feedback.score IS '-1 (terrible) to 1 (excellent)';
COMMENT ON COLUMN model_feedback.reason IS 'Why, in the words of who gave it';
COMMENT ON COLUMN model_feedback.prompt IS 'What the model was asked, its beginning';
COMMENT ON COLUMN model_feedback.job_id IS 'Job whose answer is meant; NULL: it was not said';
COMMENT ON COLUMN model_feedback.given_by IS 'API key; empty: none was needed';
COMMENT ON COLUMN model_feedback.created_at IS 'When';

-- A second word of the same caller on the same answer replaces the first.
CREATE UNIQUE INDEX model_feedback_job ON model_feedback (job_id, given_by, model) WHERE job_id IS NOT NULL;

-- What a job's model calls cost, from the `usage` of its result; an answer from the cache costs nothing. Must never refuse an end.
CREATE FUNCTION tidewheel.count_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.result #>> '{cache,hit}', '') NOT IN ('exact', 'semantic') THEN
        NEW.tokens_in := substring(NEW.result #>> '{usage,prompt_tokens}' FROM '^[0-9]{1,15}$')::bigint;
        NEW.tokens_out := substring(NEW.result #>> '{usage,answer_tokens}' FROM '^[0-9]{1,15}$')::bigint;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION tidewheel.count_tokens IS 'Keeps the tokens that a job''s result tells of in its row';

CREATE TRIGGER count_tokens BEFORE UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed' AND NEW.result ? 'usage')
    EXECUTE FUNCTION tidewheel.count_tokens();
