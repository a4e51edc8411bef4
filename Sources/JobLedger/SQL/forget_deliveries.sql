-- Deliveries of jobs that ended long ago, with their attempts. Ids grow with time. $1 leader token, $2 days, $3 how many at most.
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.id < (SELECT tidewheel.new_id(now() - make_interval(days => $2::integer))) AND (SELECT tidewheel.leads($1::bigint))
    ORDER BY d.id
    LIMIT $3::integer
    FOR UPDATE OF d SKIP LOCKED
)
