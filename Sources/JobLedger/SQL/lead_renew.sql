-- The leader lives. $1 holder, $2 token. No row: another one leads. A renewal is no promise: its commit does not wait for the disk.
UPDATE leadership SET renewal = renewal + 1
WHERE holder = $1::text AND token = $2::bigint
RETURNING holder, token, renewal, set_config('synchronous_commit', 'off', true)
