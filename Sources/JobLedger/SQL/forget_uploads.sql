-- Files that were uploaded long ago and that nothing will read again: no document job that may still run, be it after a retry, and no schedule
-- names them. Ids grow with time. $1 leader token, $2 days, $3 how many at most.
DELETE FROM uploads WHERE id IN (
    SELECT u.id FROM uploads u
    WHERE u.id < (SELECT tidewheel.new_id(now() - make_interval(days => $2::integer))) AND (SELECT tidewheel.leads($1::bigint))
        AND NOT EXISTS (
            SELECT FROM jobs j
            WHERE j.kind = 'document' AND j.status NOT IN ('completed', 'cancelled') AND lower(j.input ->> 'uri') = 'upload:' || u.id
        )
        AND NOT EXISTS (SELECT FROM schedules s WHERE lower(s.input ->> 'uri') = 'upload:' || u.id)
    ORDER BY u.id
    LIMIT $3::integer
    FOR UPDATE OF u SKIP LOCKED
)
