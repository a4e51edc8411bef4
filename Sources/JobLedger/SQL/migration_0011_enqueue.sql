-- Submission in SQL: a service calls tidewheel.enqueue() inside its own transaction, and the job exists if and only if that commits.
CREATE TABLE job_kinds (
    kind text PRIMARY KEY,
    queue text NOT NULL,
    max_attempts integer NOT NULL,
    timeout_ms bigint NOT NULL,
    estimated_ms bigint NOT NULL,
    fields jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE job_kinds IS 'What each kind takes and how it runs unless the submission says otherwise; written by migrate, API and workers at their start';
COMMENT ON COLUMN job_kinds.kind IS 'Name of the kind';
COMMENT ON COLUMN job_kinds.queue IS 'Where its jobs wait';
COMMENT ON COLUMN job_kinds.max_attempts IS 'Charged attempts after which a failure is for good';
COMMENT ON COLUMN job_kinds.timeout_ms IS 'Longest run of one attempt';
COMMENT ON COLUMN job_kinds.estimated_ms IS 'How long it usually takes';
COMMENT ON COLUMN job_kinds.fields IS 'Members of its input by name: type (as jsonb_typeof says) and whether it is required';
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
    known jsonb := (SELECT k.fields FROM job_kinds k WHERE k.kind = wanted);
    wrong text;
BEGIN
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
    FROM jsonb_each(input) m WHERE NOT known ? m.key ORDER BY m.key LIMIT 1;
    IF wrong IS NULL THEN
        SELECT format('%I is required', f.key) INTO wrong FROM jsonb_each(known) f
        WHERE (f.value ->> 'required')::boolean AND coalesce(jsonb_typeof(input -> f.key), 'null') = 'null' ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NULL THEN
        SELECT format('%I must be a JSON %s', f.key, f.value ->> 'type') INTO wrong FROM jsonb_each(known) f
        WHERE jsonb_typeof(input -> f.key) NOT IN ('null', f.value ->> 'type') ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM tidewheel.refuse('input: ' || wrong,
            'The fields are: ' || (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(known) f) || '.');
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
