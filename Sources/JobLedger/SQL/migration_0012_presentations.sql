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
        NEW.id, coalesce(NEW.input ->> 'topic', ''), tidewheel.presentation_status(NEW.status), coalesce(NEW.subject, 'default'),
        NEW.result ->> 'presenton_id', NEW.result ->> 'presenton_url', NEW.created_at,
        CASE WHEN NEW.status = 'completed' THEN NEW.finished_at END, NEW.input ->> 'user_id',
        CASE WHEN jsonb_typeof(slides) = 'number' THEN CASE WHEN slides::numeric BETWEEN 1 AND 10000 THEN slides::integer END END,
        CASE WHEN NEW.status IN ('failed', 'cancelled') THEN coalesce(NEW.error, 'The job was ' || NEW.status) END
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
