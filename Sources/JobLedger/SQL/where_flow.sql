WHERE f.id = $1::uuid
