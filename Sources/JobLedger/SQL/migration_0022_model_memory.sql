-- Answers of models that may be given again, who is asking for one now, how each model does, and what people think of it.
CREATE TABLE prompt_cache (
    key text PRIMARY KEY CHECK (key ~ '^[0-9a-f]{64}$'),
    scope text NOT NULL,
    kind text NOT NULL,
    model text NOT NULL,
    digest text,
    answer jsonb NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    duration_ms bigint NOT NULL DEFAULT 0,
    embedding_model text,
    embedding real[],
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    exact_hits bigint NOT NULL DEFAULT 0,
    semantic_hits bigint NOT NULL DEFAULT 0,
    CONSTRAINT prompt_cache_embedding CHECK (num_nulls(embedding_model, embedding) IN (0, 2))
);

COMMENT ON TABLE prompt_cache IS 'Answers of models, given again to requests that are equal, or near enough where the job says so';
COMMENT ON COLUMN prompt_cache.key IS 'SHA-256 of the normalised request: kind, provider, model and its digest, options, prompt';
COMMENT ON COLUMN prompt_cache.scope IS 'SHA-256 of the same without the prompt: only within it are prompts compared by meaning';
COMMENT ON COLUMN prompt_cache.kind IS 'Kind of the job that asked';
COMMENT ON COLUMN prompt_cache.model IS 'Model that answered';
COMMENT ON COLUMN prompt_cache.digest IS 'Digest of its weights; NULL: its server does not say';
COMMENT ON COLUMN prompt_cache.answer IS 'What the job''s result has of the answer';
COMMENT ON COLUMN prompt_cache.bytes IS 'Size of answer and embedding';
COMMENT ON COLUMN prompt_cache.duration_ms IS 'How long the model took: what each hit saves';
COMMENT ON COLUMN prompt_cache.embedding_model IS 'Model that embedded the prompt; NULL: the job did not ask for answers by meaning';
COMMENT ON COLUMN prompt_cache.embedding IS 'Of the prompt, of length 1';
COMMENT ON COLUMN prompt_cache.job_id IS 'Job that asked';
COMMENT ON COLUMN prompt_cache.created_at IS 'When the model answered';
COMMENT ON COLUMN prompt_cache.used_at IS 'When it was last given: the one that was not used for longest goes first';
COMMENT ON COLUMN prompt_cache.exact_hits IS 'How often it was given to an equal request';
COMMENT ON COLUMN prompt_cache.semantic_hits IS 'How often it was given to one that was near enough';

CREATE INDEX prompt_cache_scope ON prompt_cache (scope, created_at DESC) WHERE embedding IS NOT NULL;
CREATE INDEX prompt_cache_created ON prompt_cache (created_at);
CREATE INDEX prompt_cache_used ON prompt_cache (used_at);

CREATE TABLE prompt_leads (
    key text PRIMARY KEY,
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    until timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('answered', 'alone'))
);

COMMENT ON TABLE prompt_leads IS 'Which job asks a model for all that want the same answer at the same time';
COMMENT ON COLUMN prompt_leads.key IS 'Of the answer, as in prompt_cache';
COMMENT ON COLUMN prompt_leads.job_id IS 'The job that asks';
COMMENT ON COLUMN prompt_leads.attempt IS 'Its attempt';
COMMENT ON COLUMN prompt_leads.until IS 'Renewed while it asks; later than this it is dead, and another one asks';
COMMENT ON COLUMN prompt_leads.outcome IS 'NULL: it asks; answered: look into prompt_cache; alone: the answer cannot be shared, and until then each asks for itself';

CREATE TABLE model_performance (
    model text NOT NULL,
    kind text NOT NULL,
    task_category text NOT NULL,
    answers bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    total_ms double precision NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0,
    recent_ms double precision,
    recent_failures double precision NOT NULL DEFAULT 0,
    exact_hits bigint NOT NULL DEFAULT 0,
    semantic_hits bigint NOT NULL DEFAULT 0,
    saved_ms double precision NOT NULL DEFAULT 0,
    feedback bigint NOT NULL DEFAULT 0,
    feedback_sum double precision NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, kind, task_category)
);

COMMENT ON TABLE model_performance IS 'How each model does, by kind of job and category of task: what model auto is chosen by';
COMMENT ON COLUMN model_performance.model IS 'The model';
COMMENT ON COLUMN model_performance.kind IS 'Kind of job';
COMMENT ON COLUMN model_performance.task_category IS 'What the submissions call their task; general without a word';
COMMENT ON COLUMN model_performance.answers IS 'Answers that the model gave';
COMMENT ON COLUMN model_performance.failures IS 'Calls that failed';
COMMENT ON COLUMN model_performance.total_ms IS 'How long the answers took';
COMMENT ON COLUMN model_performance.total_tokens IS 'Tokens of the answers, as far as servers say';
COMMENT ON COLUMN model_performance.recent_ms IS 'How long answers take lately: a moving mean, each new one counts for a tenth';
COMMENT ON COLUMN model_performance.recent_failures IS 'Part of the calls that fail lately, 0 to 1, in the same way';
COMMENT ON COLUMN model_performance.exact_hits IS 'Answers that came from the cache for an equal request';
COMMENT ON COLUMN model_performance.semantic_hits IS 'Answers that came from the cache for one that was near enough';
COMMENT ON COLUMN model_performance.saved_ms IS 'How long the answers that came from the cache had taken';
COMMENT ON COLUMN model_performance.feedback IS 'How many scores were given';
COMMENT ON COLUMN model_performance.feedback_sum IS 'Their sum';
COMMENT ON COLUMN model_performance.updated_at IS 'Last change';

CREATE TABLE model_feedback (
    id uuid PRIMARY KEY,
    model text NOT NULL,
    kind text NOT NULL,
    task_category text NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN -1 AND 1),
    reason text,
    prompt text,
    job_id uuid,
    given_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE model_feedback IS 'What people and programs think of models'' answers';
COMMENT ON COLUMN model_feedback.id IS 'UUIDv7: sorts by time';
COMMENT ON COLUMN model_feedback.model IS 'Model that answered';
COMMENT ON COLUMN model_feedback.kind IS 'Kind of job';
COMMENT ON COLUMN model_feedback.task_category IS 'What kind of task it was';
COMMENT ON COLUMN model_feedback.score IS '-1 (terrible) to 1 (excellent)';
COMMENT ON COLUMN model_feedback.reason IS 'Why, in the words of who gave it';
COMMENT ON COLUMN model_feedback.prompt IS 'What the model was asked, its beginning';
COMMENT ON COLUMN model_feedback.job_id IS 'Job whose answer is meant; NULL: it was not said';
COMMENT ON COLUMN model_feedback.given_by IS 'API key; empty: none was needed';
COMMENT ON COLUMN model_feedback.created_at IS 'When';

-- A second word of the same caller on the same answer replaces the first.
CREATE UNIQUE INDEX model_feedback_job ON model_feedback (job_id, given_by, model) WHERE job_id IS NOT NULL;

-- What a job's model calls cost, from the `usage` of its result; an answer from the cache costs nothing. Must never refuse an end.
CREATE FUNCTION tidewheel.count_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.result #>> '{cache,hit}', '') NOT IN ('exact', 'semantic') THEN
        NEW.tokens_in := substring(NEW.result #>> '{usage,prompt_tokens}' FROM '^[0-9]{1,15}$')::bigint;
        NEW.tokens_out := substring(NEW.result #>> '{usage,answer_tokens}' FROM '^[0-9]{1,15}$')::bigint;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION tidewheel.count_tokens IS 'Keeps the tokens that a job''s result tells of in its row';

CREATE TRIGGER count_tokens BEFORE UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed' AND NEW.result ? 'usage')
    EXECUTE FUNCTION tidewheel.count_tokens();

-- A field may take more than one type.
CREATE OR REPLACE FUNCTION tidewheel.check_input(wanted text, input jsonb) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    known jsonb := (SELECT k.fields FROM job_kinds k WHERE k.kind = wanted);
    wrong text;
BEGIN
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
    FROM jsonb_each(input) m WHERE NOT known ? m.key ORDER BY m.key LIMIT 1;
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
            'The fields are: ' || (SELECT string_agg(f.key, ', ' ORDER BY f.key) FROM jsonb_each(known) f) || '.');
    END IF;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION tidewheel.check_input(text, jsonb) SET search_path = %I, pg_temp', current_schema());
END $$;
