-- Takes over, if nothing has moved since the row was observed. $1 holder, $2 token and $3 renewal as observed.
-- FOR UPDATE waits for writes of the earlier leader that are under way; later ones find another token.
WITH seat AS (
    SELECT single FROM leadership WHERE token = $2::bigint AND renewal = $3::bigint FOR UPDATE
)
UPDATE leadership l SET holder = $1::text, token = l.token + 1, renewal = l.renewal + 1
FROM seat WHERE l.single = seat.single
RETURNING l.holder, l.token, l.renewal
