SELECT model, kind, task_category, answers, failures, total_ms, total_tokens, recent_ms, recent_failures, exact_hits, semantic_hits, saved_ms,
    feedback, feedback_sum, (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM model_performance WHERE true
AND model = ANY ({models}::text[])
AND kind = {kind}::text
AND task_category = {category}::text
ORDER BY answers + failures DESC, model, kind, task_category
LIMIT {limit}::integer
