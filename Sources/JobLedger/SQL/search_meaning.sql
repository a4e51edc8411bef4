-- What a search means: $1 words, $2 JSON paths, each an array. `words` is NULL for no words at all; `positive` says whether every one of them asks for
-- something that must be there.
SELECT
    tidewheel.search_path($2::text[]) AS path,
    w.words::text AS words,
    w.positive
FROM (
    SELECT string_agg('(' || q.query::text || ')', ' & ') AS words, coalesce(bool_and(querytree(q.query) NOT IN ('', 'T')), true) AS positive
    FROM (SELECT websearch_to_tsquery('pg_catalog.simple', t) AS query FROM unnest($1::text[]) t) AS q
) AS w
