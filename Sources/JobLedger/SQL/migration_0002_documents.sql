-- Uploaded files, what was ingested, and its vectors.
CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    content_type text NOT NULL,
    sha256 text NOT NULL,
    bytes bytea NOT NULL CHECK (octet_length(bytes) <= 33554432),
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE uploads IS 'Files that document jobs read, at most 32 MiB each';
COMMENT ON COLUMN uploads.id IS 'UUIDv7; a job names it as upload:<id>';
COMMENT ON COLUMN uploads.name IS 'File name as the client gave it; never used as a path';
COMMENT ON COLUMN uploads.content_type IS 'Media type as the client gave it';
COMMENT ON COLUMN uploads.sha256 IS 'SHA-256 of the bytes, hexadecimal';
COMMENT ON COLUMN uploads.bytes IS 'The file';
COMMENT ON COLUMN uploads.created_at IS 'When it was uploaded';

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    uri text NOT NULL,
    uri_hash text NOT NULL UNIQUE,
    title text NOT NULL,
    language text,
    content_type text,
    content_hash text NOT NULL,
    text_length bigint NOT NULL,
    chunk_count integer NOT NULL,
    model text,
    generation bigint NOT NULL DEFAULT 1,
    job_id uuid,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_job ON documents (job_id) WHERE job_id IS NOT NULL;

COMMENT ON TABLE documents IS 'One row an ingested document; ingesting it again replaces its chunks';
COMMENT ON COLUMN documents.id IS 'UUIDv7';
COMMENT ON COLUMN documents.uri IS 'Normalised address';
COMMENT ON COLUMN documents.uri_hash IS 'SHA-256 of uri, unique in its place: a URI may be longer than an index entry can be (2,704 bytes)';
COMMENT ON COLUMN documents.title IS 'Title, or what stands for one';
COMMENT ON COLUMN documents.language IS 'Language tag, where the document says it';
COMMENT ON COLUMN documents.content_type IS 'html, pdf, docx, md or txt';
COMMENT ON COLUMN documents.content_hash IS 'SHA-256 of the extracted text';
COMMENT ON COLUMN documents.text_length IS 'Characters of extracted text';
COMMENT ON COLUMN documents.chunk_count IS 'Chunks of the current generation';
COMMENT ON COLUMN documents.model IS 'Embedding model of the current generation';
COMMENT ON COLUMN documents.generation IS 'Grows with every ingest';
COMMENT ON COLUMN documents.job_id IS 'Job that ingested it last; unrecorded jobs have no row in jobs';
COMMENT ON COLUMN documents.first_seen_at IS 'First ingest';
COMMENT ON COLUMN documents.updated_at IS 'Last ingest';

CREATE TABLE document_chunks (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    chunk_index integer NOT NULL,
    generation bigint NOT NULL,
    text text NOT NULL,
    start_offset bigint NOT NULL DEFAULT 0,
    embedding real[],
    embedding_model text,
    PRIMARY KEY (document_id, chunk_index)
);
CREATE INDEX document_chunks_model ON document_chunks (embedding_model) WHERE embedding IS NOT NULL;

COMMENT ON TABLE document_chunks IS 'The text of documents in pieces, with their vectors where PostgreSQL is the vector store';
COMMENT ON COLUMN document_chunks.document_id IS 'The document';
COMMENT ON COLUMN document_chunks.chunk_index IS 'Place in the document, from 0';
COMMENT ON COLUMN document_chunks.generation IS 'Ingest that wrote it';
COMMENT ON COLUMN document_chunks.text IS 'The piece';
COMMENT ON COLUMN document_chunks.start_offset IS 'Where it begins in the extracted text, in characters';
COMMENT ON COLUMN document_chunks.embedding IS 'Vector of length 1';
COMMENT ON COLUMN document_chunks.embedding_model IS 'Model that made it: vectors of different models are never compared';
