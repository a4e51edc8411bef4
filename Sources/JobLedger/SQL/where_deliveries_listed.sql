-- Newest first, from the index of each webhook. $1 webhook, $2 below this id, $3 of this job, $4 only those that are not delivered, $5 how many
-- at most, $6 states, $7 events, $8 and $9 made at or after, and before, in milliseconds, $10 only those that are delivered. NULL says nothing.
-- Ids tell the time of the end's statement, created_at that of its transaction, which began at most ten minutes earlier.
)
SELECT l.* FROM webhooks o
CROSS JOIN LATERAL (
    SELECT * FROM listed d
    WHERE d.webhook_id = o.id AND ($2::uuid IS NULL OR d.id < $2::uuid) AND ($3::uuid IS NULL OR d.job_id = $3::uuid)
        AND (NOT $4::boolean OR d.delivered_at IS NULL) AND (NOT $10::boolean OR d.delivered_at IS NOT NULL)
        AND ($6::text[] IS NULL OR d.state = ANY ($6::text[]))
        AND ($7::text[] IS NULL OR d.event = ANY ($7::text[]))
        AND ($8::bigint IS NULL OR d.created_at >= to_timestamp($8::bigint / 1000.0)
            AND d.id > (SELECT tidewheel.new_id(to_timestamp(($8::bigint - 1) / 1000.0))))
        AND ($9::bigint IS NULL OR d.created_at < to_timestamp($9::bigint / 1000.0)
            AND d.id < (SELECT tidewheel.new_id(to_timestamp($9::bigint / 1000.0) + interval '10 minutes')))
    ORDER BY d.id DESC
    LIMIT $5::integer
) l
WHERE $1::uuid IS NULL OR o.id = $1::uuid
ORDER BY l.id DESC
LIMIT $5::integer
