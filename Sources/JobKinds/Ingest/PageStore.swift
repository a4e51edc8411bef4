/// Bytes to text, text to chunks, chunks to vectors, all into the stores: what both ingest kinds share.
/// Storing a page again replaces what was stored of it, so every part of this may be repeated.
import JobLedger
import JobModel
import PageText
import PostgresWire

/// Where a page came from.
struct PageSource: Sendable {
    let uri: String
    let contentType: String?
    let contentHash: String
    let jobID: JobID
}

struct PageStore: Sendable {
    typealias Teller = (_ step: String, _ message: String) async throws(JobFailure) -> Void

    private static let maxBatch = 64

    private let rooms: KindRooms
    /// A parsed page takes several times its size: two at once for all jobs of the worker.
    private let extractions = Permits(2)

    init(_ rooms: KindRooms) {
        self.rooms = rooms
    }

    func extract(
        _ bytes: [UInt8], as type: DocumentType, url: WebAddress?, contentType: String?
    ) async throws(JobFailure) -> Result<ExtractedPage, SkipReason> {
        try await extractions.take()
        defer { extractions.giveBack() }
        do {
            let charset = PageExtractor.charset(ofContentType: contentType)
            return .success(try await rooms.extractor.extract(bytes, as: type, url: url?.description, charset: charset))
        } catch .cancelled {
            throw .cancelled
        } catch {
            return .failure(SkipReason(error))
        }
    }

    /// Returns how many chunks were made and how many vectors stored.
    func store(_ page: ExtractedPage, from source: PageSource, _ tell: Teller) async throws(JobFailure) -> (chunks: Int, vectors: Int) {
        let chunks = Chunks.split(page.text)
        try await tell("chunk", "\(chunks.count) chunks")
        let vectors = try await embed(chunks.map(\.text), tell)
        try await tell("store", "storing \(chunks.count) chunks")
        let stored = try await keep(page, chunks, source)
        let document = VectorDocument(
            id: stored.id, uri: source.uri, title: page.title, generation: stored.generation, model: rooms.embeddingModel)
        let points = zip(chunks, vectors).map { chunk, vector in
            VectorChunk(
                id: JobID(stream: stored.id, entry: String(chunk.index)).description, index: chunk.index, text: chunk.text, vector: vector)
        }
        return (chunks.count, try await rooms.vectors.replace(document, with: points))
    }

    private func embed(_ texts: [String], _ tell: Teller) async throws(JobFailure) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(texts.count)
        while vectors.count < texts.count {
            try await tell("embed", "\(vectors.count) of \(texts.count) chunks")
            let batch = Array(texts[vectors.count..<min(vectors.count + Self.maxBatch, texts.count)])
            let made = try await rooms.models.embed(batch, model: rooms.embeddingModel)
            guard made.count == batch.count else {
                throw .retry("\(rooms.models.name) returned \(made.count) vectors for \(batch.count) texts", type: "model_server")
            }
            vectors += made
        }
        return vectors
    }

    private func keep(_ page: ExtractedPage, _ chunks: [Chunk], _ source: PageSource) async throws(JobFailure) -> StoredDocument {
        let record = DocumentRecord(
            uri: source.uri, title: page.title, language: page.language, contentType: source.contentType, contentHash: source.contentHash,
            textLength: page.text.count, jobID: source.jobID, model: rooms.embeddingModel)
        do {
            return try await rooms.ledger.storeDocument(
                record, chunks: chunks.map { DocumentChunk(index: $0.index, text: $0.text, start: $0.start) })
        } catch {
            throw JobFailure(database: error)
        }
    }
}

extension JobFailure {
    init(database error: PostgresError) {
        self = .retry("PostgreSQL did not store or find the document: \(error.message)", type: "database")
    }
}
