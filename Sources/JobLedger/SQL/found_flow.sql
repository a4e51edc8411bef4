-- Makes a flow around a job that had none; the job's name in it is its kind. $1 job, $2 flow, $3 milliseconds.
WITH made AS (
    INSERT INTO flows (id, job_count, created_at) VALUES ($2::uuid, 1, to_timestamp($3::bigint / 1000.0)) RETURNING id
)
UPDATE jobs SET flow_id = made.id, flow_name = kind FROM made WHERE jobs.id = $1::uuid
