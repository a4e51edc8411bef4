-- A search in the order of a list: the next {limit} jobs of the list (list_words.sql and what follows it) are looked at, and those that fit are told,
-- with the last one that was looked at. What the search does not know yet, or knows from before its end, is read from the job itself.
WITH looked AS MATERIALIZED (
SELECT j.id, j.created_at, j.listed_at, j.finished_at
