-- Makes jobs known to the search, as they are now. $1 ids, $2 leader token. No lock on a job's row: its end never waits for this.
INSERT INTO job_search (job_id, finished_at, words, document)
SELECT j.id, j.finished_at, tidewheel.search_words(j), tidewheel.search_document(j)
FROM jobs j WHERE j.id = ANY ($1::uuid[]) AND (SELECT tidewheel.leads($2::bigint))
ORDER BY j.id
ON CONFLICT (job_id) DO UPDATE SET finished_at = excluded.finished_at, words = excluded.words, document = excluded.document
