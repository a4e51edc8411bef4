-- How models did, many calls at once. Of the moving means each new call is a tenth.
-- $1 model, $2 kind, $3 category, $4 answers, $5 failures, $6 their milliseconds, $7 tokens, $8 exact hits, $9 semantic hits, $10 milliseconds saved.
INSERT INTO model_performance AS p (
    model, kind, task_category, answers, failures, total_ms, total_tokens, recent_ms, recent_failures, exact_hits, semantic_hits, saved_ms)
SELECT model, kind, category, answers, failures, ms, tokens, ms / nullif(answers, 0),
    coalesce(failures::double precision / nullif(answers + failures, 0), 0), exact, semantic, saved
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::double precision[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::double precision[]) AS c (model, kind, category, answers, failures, ms, tokens, exact, semantic, saved)
ORDER BY model, kind, category
ON CONFLICT (model, kind, task_category) DO UPDATE SET
    answers = p.answers + excluded.answers,
    failures = p.failures + excluded.failures,
    total_ms = p.total_ms + excluded.total_ms,
    total_tokens = p.total_tokens + excluded.total_tokens,
    recent_ms = coalesce(
        excluded.recent_ms + (coalesce(p.recent_ms, excluded.recent_ms) - excluded.recent_ms) * power(0.9, least(excluded.answers, 500)),
        p.recent_ms),
    recent_failures = excluded.recent_failures
        + (p.recent_failures - excluded.recent_failures) * power(0.9, least(excluded.answers + excluded.failures, 500)),
    exact_hits = p.exact_hits + excluded.exact_hits,
    semantic_hits = p.semantic_hits + excluded.semantic_hits,
    saved_ms = p.saved_ms + excluded.saved_ms,
    updated_at = now()
