-- What the parents of a job left. $1 job, $2 bytes: when the results have more than these together, `total` says so and none is given.
SELECT
    id, flow_name, kind, status, error, error_type, total, CASE WHEN total <= $2::bigint THEN result END AS result
FROM (
    SELECT
        p.id, p.flow_name, p.kind, p.status, p.error, p.error_type, p.result,
        coalesce(sum(octet_length(p.result::text)) OVER (), 0)::bigint AS total
    FROM jobs c JOIN jobs p ON p.id = ANY (c.depends_on)
    WHERE c.id = $1::uuid
) AS parents
