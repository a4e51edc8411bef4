-- What people ask: times of steps for as long as the job's record is kept, and views for the usual questions.
CREATE TABLE job_step_times (
    job_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, name, attempt)
);

COMMENT ON TABLE job_step_times IS 'When steps were finished, of jobs whose results of steps are deleted already; see v_step_times';
COMMENT ON COLUMN job_step_times.job_id IS 'The job';
COMMENT ON COLUMN job_step_times.name IS 'Name of the step';
COMMENT ON COLUMN job_step_times.attempt IS 'Attempt that finished it';
COMMENT ON COLUMN job_step_times.finished_at IS 'When it was finished';

CREATE VIEW v_step_times AS
SELECT s.job_id, s.name, s.attempt, s.finished_at,
    round(extract(epoch FROM s.finished_at - greatest(
        a.started_at, lag(s.finished_at) OVER (PARTITION BY s.job_id ORDER BY s.finished_at, s.name))), 3) AS seconds
FROM (
    SELECT job_id, name, attempt, finished_at FROM job_step_times
    UNION ALL
    SELECT job_id, name, attempt, stored_at FROM job_steps
) AS s
LEFT JOIN job_attempts a ON a.job_id = s.job_id AND a.attempt = s.attempt;

COMMENT ON VIEW v_step_times IS 'One row a finished step of a recorded job; ask for one job_id or join it with few jobs';
COMMENT ON COLUMN v_step_times.job_id IS 'The job';
COMMENT ON COLUMN v_step_times.name IS 'Name of the step';
COMMENT ON COLUMN v_step_times.attempt IS 'Attempt that finished it';
COMMENT ON COLUMN v_step_times.finished_at IS 'When it was finished';
COMMENT ON COLUMN v_step_times.seconds IS 'Since the step before it, or the start of the attempt; of steps that run side by side only the sum is meant';

CREATE VIEW v_jobs_by_subject AS
SELECT coalesce(subject, 'default') AS subject, kind,
    count(*) AS jobs,
    count(*) FILTER (WHERE status NOT IN ('completed', 'failed', 'cancelled')) AS live,
    count(*) FILTER (WHERE status = 'completed') AS completed,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    round(avg(extract(epoch FROM finished_at - started_at)) FILTER (WHERE status = 'completed'), 1) AS mean_seconds,
    min(created_at) AS first_created_at,
    max(created_at) AS last_created_at
FROM jobs
GROUP BY coalesce(subject, 'default'), kind;

COMMENT ON VIEW v_jobs_by_subject IS 'Recorded jobs counted by subject and kind; reads every row of jobs, so ask it for reports';
COMMENT ON COLUMN v_jobs_by_subject.subject IS 'What or whom they are about; default: jobs without a subject';
COMMENT ON COLUMN v_jobs_by_subject.kind IS 'What they do';
COMMENT ON COLUMN v_jobs_by_subject.jobs IS 'All of them';
COMMENT ON COLUMN v_jobs_by_subject.live IS 'Those that have not ended';
COMMENT ON COLUMN v_jobs_by_subject.completed IS 'Those that are completed';
COMMENT ON COLUMN v_jobs_by_subject.failed IS 'Dead letters';
COMMENT ON COLUMN v_jobs_by_subject.cancelled IS 'Those that were cancelled';
COMMENT ON COLUMN v_jobs_by_subject.mean_seconds IS 'Of completed ones, from the start of the first attempt to the end';
COMMENT ON COLUMN v_jobs_by_subject.first_created_at IS 'When the first one was accepted';
COMMENT ON COLUMN v_jobs_by_subject.last_created_at IS 'When the last one was accepted';

CREATE VIEW v_daily_stats AS
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, kind,
    count(*) AS accepted,
    count(*) FILTER (WHERE status = 'completed') AS completed,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE attempt > 1) AS tried_again,
    round(avg(extract(epoch FROM started_at - coalesce(scheduled_at, created_at))) FILTER (WHERE attempt = 1), 3) AS mean_wait_seconds,
    round(avg(extract(epoch FROM finished_at - started_at)) FILTER (WHERE status = 'completed'), 3) AS mean_seconds,
    round((percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
        FILTER (WHERE status = 'completed'))::numeric, 3) AS p95_seconds,
    sum(tokens_in)::bigint AS tokens_in,
    sum(tokens_out)::bigint AS tokens_out,
    sum(cost_microusd)::bigint AS cost_microusd
FROM jobs
GROUP BY (created_at AT TIME ZONE 'UTC')::date, kind;

COMMENT ON VIEW v_daily_stats IS 'What became of the jobs that were accepted on a day, by kind; reads every row of jobs';
COMMENT ON COLUMN v_daily_stats.day IS 'Day of acceptance, UTC';
COMMENT ON COLUMN v_daily_stats.kind IS 'What they do';
COMMENT ON COLUMN v_daily_stats.accepted IS 'All of them';
COMMENT ON COLUMN v_daily_stats.completed IS 'Those that are completed by now';
COMMENT ON COLUMN v_daily_stats.failed IS 'Those that are dead letters now';
COMMENT ON COLUMN v_daily_stats.cancelled IS 'Those that were cancelled';
COMMENT ON COLUMN v_daily_stats.tried_again IS 'Those that took more than one attempt';
COMMENT ON COLUMN v_daily_stats.mean_wait_seconds IS 'From acceptance, or the time it was due, to the start; of jobs with one attempt';
COMMENT ON COLUMN v_daily_stats.mean_seconds IS 'Of completed ones, from the start of the first attempt to the end';
COMMENT ON COLUMN v_daily_stats.p95_seconds IS '95 in a hundred took at most this';
COMMENT ON COLUMN v_daily_stats.tokens_in IS 'Tokens sent to models';
COMMENT ON COLUMN v_daily_stats.tokens_out IS 'Tokens received from models';
COMMENT ON COLUMN v_daily_stats.cost_microusd IS 'Cost in millionths of a US dollar';

CREATE VIEW v_slow_jobs AS
SELECT id AS job_id, kind, queue, status, subject, title, attempt, created_at, started_at, finished_at,
    round(extract(epoch FROM started_at - created_at), 3) AS waited_seconds,
    round(extract(epoch FROM coalesce(finished_at, now()) - started_at), 3) AS run_seconds,
    round(estimated_ms / 1000.0, 3) AS usual_seconds,
    round(extract(epoch FROM coalesce(finished_at, now()) - started_at) * 1000 / estimated_ms, 2) AS times_usual
FROM jobs
WHERE started_at IS NOT NULL AND (finished_at IS NOT NULL OR status = 'processing') AND estimated_ms > 0
    AND extract(epoch FROM coalesce(finished_at, now()) - started_at) * 1000 > 2 * estimated_ms;

COMMENT ON VIEW v_slow_jobs IS 'Jobs that ran, or have been running, more than twice as long as jobs of their kind usually take; narrow it by created_at';
COMMENT ON COLUMN v_slow_jobs.job_id IS 'The job';
COMMENT ON COLUMN v_slow_jobs.kind IS 'What it does';
COMMENT ON COLUMN v_slow_jobs.queue IS 'Where it waited';
COMMENT ON COLUMN v_slow_jobs.status IS 'processing, completed, failed or cancelled';
COMMENT ON COLUMN v_slow_jobs.subject IS 'What or whom it is about';
COMMENT ON COLUMN v_slow_jobs.title IS 'One line for people';
COMMENT ON COLUMN v_slow_jobs.attempt IS 'Attempts so far';
COMMENT ON COLUMN v_slow_jobs.created_at IS 'When it was accepted';
COMMENT ON COLUMN v_slow_jobs.started_at IS 'Start of the first attempt';
COMMENT ON COLUMN v_slow_jobs.finished_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN v_slow_jobs.waited_seconds IS 'From acceptance to the start, delays included';
COMMENT ON COLUMN v_slow_jobs.run_seconds IS 'From the start of the first attempt to the end, or until now';
COMMENT ON COLUMN v_slow_jobs.usual_seconds IS 'How long the kind usually took when the job was accepted';
COMMENT ON COLUMN v_slow_jobs.times_usual IS 'How many times as long as usual it ran';
