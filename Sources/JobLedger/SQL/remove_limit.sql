DELETE FROM limits WHERE scope = $1::text AND name = $2::text RETURNING name
