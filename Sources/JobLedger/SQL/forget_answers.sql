-- $1 leader token, $2 oldest age in seconds, $3 how many at most.
DELETE FROM prompt_cache WHERE key IN (
    SELECT key FROM prompt_cache
    WHERE created_at < now() - make_interval(secs => $2::double precision) AND (SELECT tidewheel.leads($1::bigint))
    ORDER BY created_at
    LIMIT $3::integer
    FOR UPDATE SKIP LOCKED
)
