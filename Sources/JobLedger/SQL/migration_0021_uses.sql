-- When a key was last used. Only what is about the key itself is announced: a use changes nothing that API processes must know.
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;
COMMENT ON COLUMN api_keys.last_used_at IS 'Last request with it, as far as is written down: at most once a minute; NULL: never used';

DROP TRIGGER api_keys_changed ON api_keys;
CREATE TRIGGER api_keys_changed
    AFTER INSERT OR DELETE OR TRUNCATE
        OR UPDATE OF id, name, hash, scopes, rate_count, rate_per_ms, burst, jobs_a_day, live_jobs, expires_at, revoked_at
    ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION tidewheel.tell_of_keys();

-- Decks that Presenton makes while the worker waits: what is asked is on the disk before it is sent, so that a later attempt looks for the deck first.
ALTER TABLE presenton_tasks ADD COLUMN sent_at timestamptz, ADD COLUMN deck_id text;
COMMENT ON COLUMN presenton_tasks.sent_at IS 'Of a deck that is made while the worker waits: when it was about to be asked for; NULL: not yet, or known to have never arrived';
COMMENT ON COLUMN presenton_tasks.deck_id IS 'Of such a deck: what Presenton called it. No deck belongs to two jobs';
COMMENT ON COLUMN presenton_tasks.known IS 'Tasks that the server listed before and that none of our jobs had asked for, or decks of the same text where the worker waits; NULL: it lists none';
CREATE UNIQUE INDEX presenton_tasks_deck ON presenton_tasks (server, deck_id) WHERE deck_id IS NOT NULL;
