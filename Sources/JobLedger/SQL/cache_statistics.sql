SELECT kind, model, count(*) AS entries, sum(bytes)::bigint AS bytes, count(embedding) AS comparable,
    sum(exact_hits)::bigint AS exact_hits, sum(semantic_hits)::bigint AS semantic_hits,
    (extract(epoch FROM min(created_at)) * 1000)::bigint AS oldest_ms, (extract(epoch FROM max(created_at)) * 1000)::bigint AS newest_ms
FROM prompt_cache GROUP BY kind, model ORDER BY entries DESC, kind, model LIMIT 1000
