-- Whether this attempt is the one that asks. A lead that ended, or that was not renewed, is taken over, and so is that of an earlier attempt
-- of the same job. $1 key, $2 job, $3 attempt, $4 lease in milliseconds.
WITH mine AS (
    INSERT INTO prompt_leads AS l (key, job_id, attempt, until)
    VALUES ($1::text, $2::uuid, $3::integer, now() + make_interval(secs => $4::double precision / 1000))
    ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, attempt = excluded.attempt, until = excluded.until, outcome = NULL
        WHERE l.until < now() OR l.outcome = 'answered' OR (l.outcome IS NULL AND l.job_id = excluded.job_id AND l.attempt <= excluded.attempt)
    RETURNING key
)
SELECT CASE WHEN EXISTS (SELECT FROM mine) THEN 'mine'
    ELSE coalesce((SELECT outcome FROM prompt_leads WHERE key = $1::text AND until > now()), 'running') END AS turn
