-- A running job, kept from ending until the transaction has: $1 id, $2 attempt. No row when this attempt does not hold the job.
-- The fence need not be asked: it is always below the attempt of a running job.
SELECT flow_id, kind FROM jobs WHERE id = $1::uuid AND status = 'processing' AND attempt = $2::integer FOR UPDATE
