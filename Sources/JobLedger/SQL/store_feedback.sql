-- $1 id, $2 model, $3 kind, $4 category, $5 score, $6 reason, $7 prompt, $8 job, $9 who gave it.
WITH given AS (
    INSERT INTO model_feedback (id, model, kind, task_category, score, reason, prompt, job_id, given_by)
    VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::double precision, $6::text, $7::text, $8::uuid, $9::text)
    RETURNING model, kind, task_category, score
)
INSERT INTO model_performance AS p (model, kind, task_category, feedback, feedback_sum)
SELECT model, kind, task_category, 1, score FROM given
ON CONFLICT (model, kind, task_category) DO UPDATE SET
    feedback = p.feedback + 1, feedback_sum = p.feedback_sum + excluded.feedback_sum, updated_at = now()
