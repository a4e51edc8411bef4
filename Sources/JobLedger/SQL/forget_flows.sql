-- Flows that were accepted long ago and have no jobs any more. $1 leader token, $2 days, $3 how many at most. Ids grow with time.
DELETE FROM flows WHERE id IN (
    SELECT f.id FROM flows f
    WHERE f.id < (SELECT tidewheel.new_id(now() - make_interval(days => $2::integer)))
        AND (SELECT tidewheel.leads($1::bigint))
        AND NOT EXISTS (SELECT FROM jobs j WHERE j.flow_id = f.id)
    ORDER BY f.id
    LIMIT $3::integer
    FOR UPDATE OF f SKIP LOCKED
)
