-- What the whole engine keeps with a job: its own backoff, uniqueness, and its place in a flow.
ALTER TABLE jobs
    ADD COLUMN retry_base_ms bigint,
    ADD COLUMN retry_cap_ms bigint,
    ADD COLUMN unique_key text,
    ADD COLUMN unique_span text CHECK (unique_span IN ('queued', 'active', 'window')),
    ADD COLUMN unique_ms bigint,
    ADD COLUMN flow_name text,
    ADD COLUMN on_parent_failure text CHECK (on_parent_failure IN ('cancel', 'run'));

COMMENT ON COLUMN jobs.retry_base_ms IS 'First pause before a retry, where it differs from the kind''s';
COMMENT ON COLUMN jobs.retry_cap_ms IS 'Longest pause before a retry';
COMMENT ON COLUMN jobs.unique_key IS 'At most one job of this key and kind at a time';
COMMENT ON COLUMN jobs.unique_span IS 'For how long: queued (until it starts), active (until it ends), window (unique_ms from its submission)';
COMMENT ON COLUMN jobs.unique_ms IS 'Length of the window';
COMMENT ON COLUMN jobs.flow_name IS 'Its name in the flow';
COMMENT ON COLUMN jobs.on_parent_failure IS 'cancel: it is cancelled when a parent does not complete; run: it runs when every parent has ended';
