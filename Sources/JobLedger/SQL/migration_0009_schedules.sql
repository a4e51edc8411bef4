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
