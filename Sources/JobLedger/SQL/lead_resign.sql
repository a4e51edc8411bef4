-- The leader leaves: the next one need not wait. $1 holder, $2 token.
UPDATE leadership SET holder = '', renewal = renewal + 1 WHERE holder = $1::text AND token = $2::bigint
