-- What the search knows of jobs that are gone. $1 after this id, $2 up to this one, $3 leader token.
DELETE FROM job_search s
WHERE s.job_id > $1::uuid AND s.job_id <= $2::uuid AND (SELECT tidewheel.leads($3::bigint)) AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = s.job_id)
