-- Every list of jobs is read in its own order from an index: by one word and by the usual pairs, whatever the words' frequency. Without a transaction:
-- nobody who writes waits. The old indexes go afterwards.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_kind ON jobs (kind, status, created_at, id, queue);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_queue ON jobs (queue, status, created_at, id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_failed_kind ON jobs (kind, finished_at, id) WHERE status = 'failed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_failed_type ON jobs (error_type, finished_at, id) WHERE status = 'failed';
DROP INDEX CONCURRENTLY IF EXISTS jobs_status_created;
DROP INDEX CONCURRENTLY IF EXISTS jobs_kind_created;
DROP INDEX CONCURRENTLY IF EXISTS jobs_queue_created;
