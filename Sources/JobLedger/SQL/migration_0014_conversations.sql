-- What people and models said to each other, by session.
CREATE TABLE conversations (
    session_id text COLLATE "C" PRIMARY KEY CHECK (octet_length(session_id) BETWEEN 1 AND 200),
    last_seq bigint NOT NULL,
    forgotten_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

COMMENT ON TABLE conversations IS 'Sessions of the jobs that talk; a row appears with the first messages and goes with the last';
COMMENT ON COLUMN conversations.session_id IS 'The session_id of submissions';
COMMENT ON COLUMN conversations.last_seq IS 'Number of the last message; the row is locked while numbers are given';
COMMENT ON COLUMN conversations.forgotten_seq IS 'Messages up to this number are gone: a conversation keeps the last 10,000';
COMMENT ON COLUMN conversations.created_at IS 'End of the first job that said something';
COMMENT ON COLUMN conversations.updated_at IS 'End of the last one';

CREATE INDEX conversations_updated ON conversations (updated_at DESC, session_id DESC);

CREATE TABLE messages (
    session_id text COLLATE "C" NOT NULL REFERENCES conversations ON DELETE CASCADE,
    seq bigint NOT NULL,
    role text NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    content text NOT NULL CHECK (octet_length(content) <= 1048576),
    model text CHECK (octet_length(model) <= 200),
    thinking text CHECK (octet_length(thinking) <= 1048576),
    tokens integer NOT NULL CHECK (tokens >= 0),
    job_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (session_id, seq)
);

COMMENT ON TABLE messages IS 'Messages of conversations; those of a job are written in the transaction of its result, once';
COMMENT ON COLUMN messages.session_id IS 'The conversation';
COMMENT ON COLUMN messages.seq IS 'Its place there, from 1 without gaps, in the order in which jobs ended; the messages of a job stand together';
COMMENT ON COLUMN messages.role IS 'system, user, assistant or tool';
COMMENT ON COLUMN messages.content IS 'What was said';
COMMENT ON COLUMN messages.model IS 'The model that said it';
COMMENT ON COLUMN messages.thinking IS 'What the model thought before; not sent to models again';
COMMENT ON COLUMN messages.tokens IS 'Tokens of the content, as the model counted or estimated from its length';
COMMENT ON COLUMN messages.job_id IS 'The job that said it; its row may be gone before the message';
COMMENT ON COLUMN messages.created_at IS 'End of that job';

CREATE INDEX messages_job ON messages (job_id);
CREATE INDEX messages_system ON messages (session_id, seq) WHERE role = 'system';
