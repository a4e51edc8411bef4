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
