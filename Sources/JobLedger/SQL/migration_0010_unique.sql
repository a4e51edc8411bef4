-- Who holds a unique key is asked for every unique submission.
CREATE INDEX jobs_unique ON jobs (kind, unique_key) WHERE unique_key IS NOT NULL;
