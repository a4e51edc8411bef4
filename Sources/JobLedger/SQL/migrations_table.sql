CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Which migrations were applied';
COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration';
COMMENT ON COLUMN schema_migrations.name IS 'Its file';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file when it was applied: an applied file must not change';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When';
