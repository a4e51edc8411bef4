-- The answer to an equal request, if it is young enough; counts the hit. $1 key, $2 oldest age in seconds.
UPDATE prompt_cache SET exact_hits = exact_hits + 1, used_at = now()
WHERE key = $1::text AND created_at > now() - make_interval(secs => $2::double precision)
RETURNING key, answer, duration_ms, job_id, 1::double precision AS similarity,
    (extract(epoch FROM now() - created_at) * 1000)::bigint AS age_ms
