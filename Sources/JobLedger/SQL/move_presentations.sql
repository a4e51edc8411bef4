-- Puts presentations under a subject. $1 ids, $2 subject, $3 only those that are under one of these now; NULL: wherever they are.
-- Returns those that were moved, and whether Redis may still know their jobs: $4 milliseconds after their end.
WITH locked AS (
    SELECT id FROM presentation_jobs
    WHERE id = ANY ($1::uuid[]) AND subject <> $2::text AND ($3::text[] IS NULL OR subject = ANY ($3::text[]))
    ORDER BY id FOR NO KEY UPDATE
),
moved AS (
    UPDATE presentation_jobs p SET subject = $2::text FROM locked l WHERE p.id = l.id RETURNING p.id
)
SELECT m.id, j.id IS NOT NULL AS is_remembered
FROM moved m
LEFT JOIN jobs j ON j.id = m.id AND (j.finished_at IS NULL OR j.finished_at > now() - $4::bigint * interval '1 millisecond')
