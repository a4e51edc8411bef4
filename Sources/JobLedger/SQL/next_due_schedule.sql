-- PostgreSQL's clock decides what is due: one clock, whichever worker leads.
SELECT
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
    (SELECT (extract(epoch FROM min(next_run_at)) * 1000)::bigint FROM schedules WHERE enabled) AS next_ms
