-- Indexes of these names whose making was broken off. $1 names. The name comes quoted and with its schema where it needs them.
SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relname = ANY ($1::text[]) AND c.relnamespace = current_schema()::regnamespace
