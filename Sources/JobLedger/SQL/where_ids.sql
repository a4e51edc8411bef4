WHERE id = ANY ($1::uuid[])
