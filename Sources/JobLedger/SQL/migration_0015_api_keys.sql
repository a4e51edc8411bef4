-- Who may ask the API for what. A key itself is nowhere: only its hash.
CREATE TABLE api_keys (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 200),
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ '{read,submit,manage}'::text[]),
    rate_count integer CHECK (rate_count > 0),
    rate_per_ms bigint CHECK (rate_per_ms > 0),
    burst integer CHECK (burst > 0),
    jobs_a_day integer CHECK (jobs_a_day > 0),
    live_jobs integer CHECK (live_jobs BETWEEN 1 AND 10000),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_rate CHECK (num_nulls(rate_count, rate_per_ms, burst) IN (0, 3))
);

COMMENT ON TABLE api_keys IS 'Who may ask the API for what';
COMMENT ON COLUMN api_keys.id IS 'The public part of the key: twk_<id>_…';
COMMENT ON COLUMN api_keys.name IS 'For people';
COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the whole key, hexadecimal';
COMMENT ON COLUMN api_keys.scopes IS 'read, submit, manage';
COMMENT ON COLUMN api_keys.rate_count IS 'Requests in rate_per_ms on average; NULL: no rate';
COMMENT ON COLUMN api_keys.rate_per_ms IS 'Length of the time that rate_count is for';
COMMENT ON COLUMN api_keys.burst IS 'Requests at once after a pause';
COMMENT ON COLUMN api_keys.jobs_a_day IS 'Jobs from midnight to midnight UTC; NULL: no quota';
COMMENT ON COLUMN api_keys.live_jobs IS 'Jobs of its own that may be live at once; NULL: no quota';
COMMENT ON COLUMN api_keys.created_at IS 'When it was created';
COMMENT ON COLUMN api_keys.expires_at IS 'From then on it is refused; NULL: never';
COMMENT ON COLUMN api_keys.revoked_at IS 'Since when it is refused; NULL: it is not revoked';

-- API processes hold the keys in memory: they are told of every change, also of one made by hand.
CREATE FUNCTION tidewheel.tell_of_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tidewheel_keys', '');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tidewheel.tell_of_keys IS 'Announces that keys have changed';

CREATE TRIGGER api_keys_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON api_keys
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

-- Who submitted a job: the id of the key.
ALTER TABLE jobs ADD COLUMN submitted_by text;
COMMENT ON COLUMN jobs.submitted_by IS 'Id of the API key that the job was submitted with; NULL: none was needed, or it was made from within';
