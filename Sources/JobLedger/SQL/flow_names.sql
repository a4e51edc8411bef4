SELECT id, flow_name FROM jobs WHERE flow_id = $1::uuid ORDER BY id
