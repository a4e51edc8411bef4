-- Kinds of other programs: registered while the system runs, kept until somebody forgets them.
ALTER TABLE job_kinds
    ADD COLUMN registered boolean NOT NULL DEFAULT false,
    ADD COLUMN registration jsonb,
    ADD COLUMN is_open boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT job_kinds_registration CHECK (registered = (registration IS NOT NULL));

COMMENT ON COLUMN job_kinds.registered IS 'Another program''s: no version retires it';
COMMENT ON COLUMN job_kinds.registration IS 'What that program said of it, as GET /kinds/{kind} shows it';
COMMENT ON COLUMN job_kinds.is_open IS 'Its input may have members that fields does not name';
COMMENT ON COLUMN job_kinds.fields IS 'Members of its input by name: type (as jsonb_typeof says; NULL for any) and whether it is required';

CREATE OR REPLACE FUNCTION tidewheel.check_input(wanted text, input jsonb) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    known jsonb;
    open boolean;
    wrong text;
BEGIN
    SELECT k.fields, k.is_open INTO known, open FROM job_kinds k WHERE k.kind = wanted;
    IF jsonb_typeof(input) IS DISTINCT FROM 'object' THEN
        PERFORM tidewheel.refuse('input is not a JSON object', 'Give an object such as jsonb_build_object(''url'', ''https://example.com'').');
    ELSIF octet_length(input::text) > 1048576 THEN
        PERFORM tidewheel.refuse('input is larger than 1 MiB', 'Store the content elsewhere and give its address.');
    ELSIF jsonb_path_exists(input, '$.**{64}') THEN
        PERFORM tidewheel.refuse('input is nested deeper than 63 levels', 'Flatten it.');
    ELSIF jsonb_path_exists(input, '$.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))') THEN
        PERFORM tidewheel.refuse('input has a number that is too large', 'Give it as a string.');
    END IF;
    SELECT format('%I is not a field of kind %s', m.key, wanted) INTO wrong
    FROM jsonb_each(input) m WHERE NOT open AND NOT known ? m.key ORDER BY m.key LIMIT 1;
    IF wrong IS NULL THEN
        SELECT format('%I is required', f.key) INTO wrong FROM jsonb_each(known) f
        WHERE (f.value ->> 'required')::boolean AND coalesce(jsonb_typeof(input -> f.key), 'null') = 'null' ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NULL THEN
        SELECT format('%I must be a JSON %s', f.key, f.value ->> 'type') INTO wrong FROM jsonb_each(known) f
        WHERE jsonb_typeof(input -> f.key) <> ALL (ARRAY['null'] || string_to_array(f.value ->> 'type', ' or ')) ORDER BY f.key LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM tidewheel.refuse('input: ' || wrong,
            coalesce('The fields are: ' || (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(known) f) || '.', 'It has no fields.'));
    END IF;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION tidewheel.check_input(text, jsonb) SET search_path = %I, pg_temp', current_schema());
END $$;

-- Programs that are workers over HTTP.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check
    CHECK (cardinality(scopes) > 0 AND scopes <@ '{read,submit,manage,work}'::text[]);
COMMENT ON COLUMN api_keys.scopes IS 'read, submit, manage, work';
