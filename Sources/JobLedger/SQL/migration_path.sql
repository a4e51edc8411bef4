-- Where tables are made: never in the schema of our functions, which "$user" finds first when the role has the same name.
-- A database whose tables are there already keeps them there. $1 whether only this transaction is meant.
SELECT set_config('search_path', string_agg(quote_ident(p.name), ', ' ORDER BY p.place), $1::boolean)
FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (name, place)
WHERE p.name <> 'tidewheel' OR to_regclass('tidewheel.schema_migrations') IS NOT NULL
HAVING count(*) > 0
