-- Lists are read newest first, page by page: by creation, and dead letters by their end.
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_dead_letters ON jobs (finished_at, id) WHERE status = 'failed';
