-- $1 leader token, $2 days, $3 how many at most.
DELETE FROM audit_log WHERE id IN (
    SELECT id FROM audit_log
    WHERE at < now() - make_interval(days => $2::integer) AND (SELECT tidewheel.leads($1::bigint))
    ORDER BY at
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
)
