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
    PRIMARY KEY (job_id, number)
);

COMMENT ON TABLE presenton_tasks IS 'One row a deck that a job asked Presenton for, written before it asks: a later attempt follows the same task, or finds it';
COMMENT ON COLUMN presenton_tasks.job_id IS 'The job';
COMMENT ON COLUMN presenton_tasks.number IS 'How many decks it has asked for; another one only when the one before is known to have failed';
COMMENT ON COLUMN presenton_tasks.server IS 'Address of the Presenton';
COMMENT ON COLUMN presenton_tasks.attempt IS 'Attempt that asked, or that looked last';
COMMENT ON COLUMN presenton_tasks.known IS 'Tasks that the server listed before and that none of our jobs had asked for; NULL: it does not list tasks';
COMMENT ON COLUMN presenton_tasks.candidates IS 'Of a question that was overtaken: tasks that may be its answer, as the server listed them then';
COMMENT ON COLUMN presenton_tasks.task_id IS 'What Presenton called it; NULL: its answer is not known (yet)';
COMMENT ON COLUMN presenton_tasks.outcome IS 'NULL: open; completed, failed, lost (silent for too long), refused (nothing was begun), given_up (nobody can say), overtaken (another job had to ask), foreground (made while the worker waits)';
COMMENT ON COLUMN presenton_tasks.asked_at IS 'When the question was last about to be sent';
COMMENT ON COLUMN presenton_tasks.held_at IS 'When the right to ask was last taken';
COMMENT ON COLUMN presenton_tasks.closed_at IS 'When the outcome was known';

-- No task is two jobs', and one question at a time is without its answer: then a task that nobody claims is the answer to that one.
CREATE UNIQUE INDEX presenton_tasks_id ON presenton_tasks (server, task_id) WHERE task_id IS NOT NULL;
CREATE UNIQUE INDEX presenton_tasks_open ON presenton_tasks (server) WHERE task_id IS NULL AND outcome IS NULL;

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
