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
