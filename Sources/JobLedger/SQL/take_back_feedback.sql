-- What the same caller said of the same answer before. $1 job, $2 who gave it, $3 model.
WITH gone AS (
    DELETE FROM model_feedback WHERE job_id = $1::uuid AND given_by = $2::text AND model = $3::text
    RETURNING model, kind, task_category, score
)
UPDATE model_performance p SET feedback = greatest(p.feedback - 1, 0), feedback_sum = p.feedback_sum - g.score
FROM gone g WHERE (p.model, p.kind, p.task_category) = (g.model, g.kind, g.task_category)
