-- SQL accepts inputs that only the kind's code measures (tidewheel.enqueue): what is too long for an index, or for a list of many, is cut.
CREATE OR REPLACE FUNCTION tidewheel.follow_presentation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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

-- The caller's own schemas and temporary tables must not stand in for ours; a replaced function has forgotten it.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION tidewheel.follow_presentation() SET search_path = %I, pg_temp', current_schema());
END $$;
