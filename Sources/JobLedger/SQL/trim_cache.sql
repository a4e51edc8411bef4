-- What is used least goes until the rest fits. $1 leader token, $2 bytes that may stay, $3 how many at most.
WITH excess AS (
    SELECT sum(bytes) - $2::bigint AS bytes FROM prompt_cache
), oldest AS (
    SELECT key, sum(bytes) OVER (ORDER BY used_at, key) - bytes AS before
    FROM (SELECT key, bytes, used_at FROM prompt_cache ORDER BY used_at, key LIMIT $3::integer) c
)
DELETE FROM prompt_cache WHERE key IN (SELECT o.key FROM oldest o, excess e WHERE o.before < e.bytes)
    AND (SELECT tidewheel.leads($1::bigint))
