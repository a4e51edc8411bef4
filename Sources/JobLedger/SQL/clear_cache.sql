DELETE FROM prompt_cache WHERE key IN (
    SELECT key FROM prompt_cache WHERE true
    AND model = {model}::text
    AND kind = {kind}::text
    AND created_at < to_timestamp({before_ms}::double precision / 1000)
    LIMIT {limit}::integer
    FOR UPDATE
)
