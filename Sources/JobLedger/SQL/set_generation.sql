-- Says which Redis data this database goes with. $1 mark, $2 leader token.
INSERT INTO redis_generation (generation) SELECT $1::text WHERE (SELECT tidewheel.leads($2::bigint))
ON CONFLICT (single) DO UPDATE SET generation = excluded.generation
