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
