-- Jobs that ended lately, and live ones that were accepted lately, as far as the search does not know them so. $1 how many at most.
(
    SELECT j.id FROM jobs j LEFT JOIN job_search s ON s.job_id = j.id
    WHERE j.finished_at > now() - interval '5 seconds' AND (s.job_id IS NULL OR s.finished_at IS DISTINCT FROM j.finished_at)
    LIMIT $1::integer
)
UNION ALL
(
    -- Most jobs end soon: what has not within two seconds is told before its end.
    SELECT j.id FROM jobs j LEFT JOIN job_search s ON s.job_id = j.id
    WHERE j.created_at > now() - interval '8 seconds' AND j.created_at < now() - interval '2 seconds' AND j.finished_at IS NULL
        AND s.job_id IS NULL
    LIMIT $1::integer
)
LIMIT $1::integer
