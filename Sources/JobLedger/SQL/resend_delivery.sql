-- A new sender for a delivery ($1) that nobody is sending; its row is locked. $2 event, $3 receiver.
UPDATE webhook_deliveries d SET
    delivered_at = NULL,
    sender = tidewheel.make_sender(d.id, $2::text, $3::text, (SELECT j.traceparent FROM jobs j WHERE j.id = d.job_id))
WHERE d.id = $1::uuid
    AND NOT EXISTS (SELECT FROM jobs s WHERE s.id = d.sender AND s.status NOT IN ('completed', 'failed', 'cancelled'))
RETURNING d.sender
