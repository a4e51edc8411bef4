FROM (SELECT) AS once
CROSS JOIN unnest({states}::text[]) AS s (status)
CROSS JOIN unnest({kinds}::text[]) AS k (kind)
CROSS JOIN unnest({queues}::text[]) AS q (queue)
