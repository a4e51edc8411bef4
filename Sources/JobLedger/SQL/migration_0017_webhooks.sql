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
