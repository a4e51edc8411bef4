-- Search in what jobs were asked, gave and failed with. Beside the jobs, and filled by the leader a moment later: jobs pay nothing for it.
CREATE TABLE job_search (
    job_id uuid PRIMARY KEY,
    finished_at timestamptz,
    words tsvector NOT NULL,
    document jsonb NOT NULL
);

COMMENT ON TABLE job_search IS 'What GET /jobs?q= looks at: made from jobs by the leader, a second or two after a job was accepted or ended; may be emptied, and fills again';
COMMENT ON COLUMN job_search.job_id IS 'The job';
COMMENT ON COLUMN job_search.finished_at IS 'jobs.finished_at when this was made: another value there says that this is old';
COMMENT ON COLUMN job_search.words IS 'Words of title, description, error, and of the strings in input and result (the first 65,536 characters of each), as they are written';
COMMENT ON COLUMN job_search.document IS 'Members input, result, metadata, error and error_type; of a part over 8 KiB only its members up to 4 KiB, at most 64 KiB in all';

-- Small pending lists: a search reads them whole.
CREATE INDEX job_search_words ON job_search USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX job_search_document ON job_search USING gin (document jsonb_path_ops) WITH (gin_pending_list_limit = 512);

CREATE FUNCTION tidewheel.part_words(part jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE
    WHEN octet_length(part::text) <= 65536 THEN to_tsvector('pg_catalog.simple', part)
    ELSE (
        SELECT to_tsvector('pg_catalog.simple', left(string_agg(left(t #>> '{}', 65536), ' '), 65536))
        FROM jsonb_path_query(part, 'strict $.** ? (@.type() == "string")') t)
END $$;
COMMENT ON FUNCTION tidewheel.part_words IS 'Words of the strings in a JSON value';

CREATE FUNCTION tidewheel.search_words(job jobs) RETURNS tsvector LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN to_tsvector('pg_catalog.simple', left(concat_ws(' ', job.title, job.description, job.error), 65536))
        || coalesce(tidewheel.part_words(job.input), '') || coalesce(tidewheel.part_words(job.result), '');
EXCEPTION WHEN OTHERS THEN
    -- More different words than one value can hold, or nested deeper than the stack allows: one job must not stop the others.
    RETURN to_tsvector('pg_catalog.simple', left(concat_ws(' ', job.title, job.error), 2000));
END $$;
COMMENT ON FUNCTION tidewheel.search_words IS 'The words that a job is found by';

CREATE FUNCTION tidewheel.search_part(part jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE
    WHEN octet_length(part::text) <= 8192 THEN part
    WHEN jsonb_typeof(part) = 'object' THEN (
        SELECT CASE WHEN sum(octet_length(m.value::text)) <= 65536 THEN jsonb_object_agg(m.key, m.value) END
        FROM jsonb_each(part) m WHERE octet_length(m.value::text) <= 4096)
END $$;
COMMENT ON FUNCTION tidewheel.search_part IS 'A JSON value, or of a large one its small members';

CREATE FUNCTION tidewheel.search_document(job jobs) RETURNS jsonb LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('error', left(job.error, 2000), 'error_type', job.error_type))
        || jsonb_build_object('input', tidewheel.search_part(job.input), 'metadata', tidewheel.search_part(job.metadata))
        || CASE WHEN job.result IS NULL THEN '{}' ELSE jsonb_build_object('result', tidewheel.search_part(job.result)) END;
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';
END $$;
COMMENT ON FUNCTION tidewheel.search_document IS 'The JSON document that JSON paths of a search look at';

-- Each path is a condition, or a place at which something must be; all of them must hold.
CREATE FUNCTION tidewheel.search_path(paths text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    path text;
    terms text[] := '{}';
BEGIN
    FOREACH path IN ARRAY paths LOOP
        PERFORM path::jsonpath;
        BEGIN
            PERFORM ('$ ? (' || path || ')')::jsonpath;
            terms := terms || ('(' || path || ')');
        EXCEPTION WHEN syntax_error THEN
            PERFORM ('$ ? (exists(' || path || '))')::jsonpath;
            terms := terms || ('exists(' || path || ')');
        END;
    END LOOP;
    RETURN '$ ? (' || nullif(array_to_string(terms, ' && '), '') || ')';
END $$;
COMMENT ON FUNCTION tidewheel.search_path IS 'One JSON path for all of a search; NULL for none';
