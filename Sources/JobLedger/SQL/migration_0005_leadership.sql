-- Which worker leads, and the check by which what it writes is refused once another one leads.
CREATE TABLE leadership (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    holder text NOT NULL,
    token bigint NOT NULL,
    renewal bigint NOT NULL
);
INSERT INTO leadership (holder, token, renewal) VALUES ('', 0, 0);

COMMENT ON TABLE leadership IS 'One row: the worker that does what only one may do at a time';
COMMENT ON COLUMN leadership.single IS 'Always true: there is one row';
COMMENT ON COLUMN leadership.holder IS 'Worker that leads; empty when the last one left';
COMMENT ON COLUMN leadership.token IS 'Grows with every change of holder: writes of an earlier leader are refused';
COMMENT ON COLUMN leadership.renewal IS 'Moves while the leader lives; the others compare it by their own clocks';

CREATE SCHEMA IF NOT EXISTS tidewheel;
COMMENT ON SCHEMA tidewheel IS 'Functions for services that work in this database';

-- Whether a token is the current one. Asked as WHERE (SELECT tidewheel.leads($1)) it is evaluated once a statement. Until the transaction ends
-- nobody else can take over (the lock), but renewals go on: they change no key.
CREATE FUNCTION tidewheel.leads(token bigint) RETURNS boolean LANGUAGE sql VOLATILE
AS 'SELECT EXISTS (SELECT FROM leadership AS l WHERE l.token = leads.token FOR KEY SHARE)';
COMMENT ON FUNCTION tidewheel.leads IS 'Whether this is the token of the worker that leads now';
