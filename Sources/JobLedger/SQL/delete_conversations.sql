-- Deletes conversations with their messages (by the foreign key). A line that names a {value} is left out where it is not given
-- (ListStatement.swift). The leader's token skips what somebody has locked; a person waits for it.
WITH unwanted AS (
    SELECT session_id FROM conversations
    WHERE true
        AND session_id = {session}::text
        AND starts_with(session_id, {prefix}::text)
        AND updated_at < to_timestamp({before_ms}::bigint / 1000.0)
        AND updated_at < now() - make_interval(days => {days}::integer)
        AND (SELECT tidewheel.leads({leader}::bigint))
    ORDER BY session_id
    LIMIT {limit}::integer
    FOR UPDATE
    SKIP LOCKED -- {leader}
)
DELETE FROM conversations c USING unwanted u WHERE c.session_id = u.session_id
RETURNING c.last_seq - c.forgotten_seq AS messages
