/// `document`: one file, from the web, an upload or the file root, into chunks and vectors. Reads top to bottom.
import JobModel
import PageText

struct IngestDocument: JobHandler {
    static let kind: JobKind = JobKind(
        name: "document", summary: "Stores one document as chunks with embeddings", queue: "ingest",
        input: InputShape([
            .init("uri", .documentAddress, required: true, "an http or https address, upload:<id>, or file:<path> below the file root"),
            .init(
                "doc_type", .choice(["auto"] + DocumentType.allCases.map(\.rawValue)), standard: "auto",
                "what it is, where it does not say so itself"),
            .init("title", .text(maxLength: 300), "in place of the document's own title"),
        ]),
        timeoutMilliseconds: 3_600_000, estimatedMilliseconds: 15_000)

    var kind: JobKind { Self.kind }
    private let rooms: KindRooms
    private let store: PageStore

    init(_ rooms: KindRooms, store: PageStore) {
        self.rooms = rooms
        self.store = store
    }

    func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        let begin = ContinuousClock.now
        let uri = context.input["uri"]?.string ?? ""
        let wanted = context.input["doc_type"]?.string.flatMap { DocumentType(rawValue: $0) }

        try await context.progress(5, step: "fetch", "fetching the document")
        let source = try await DocumentSource(rooms).read(uri, as: wanted)

        try await context.progress(25, step: "extract", "reading \(source.bytes.count) bytes of \(source.type.rawValue)")
        var page = try await text(of: source)
        if let title = context.input["title"]?.string { page.title = title }

        let origin = PageSource(
            uri: source.uri, contentType: source.contentType, contentHash: Digest.sha256(page.text), jobID: context.jobID)
        let percents = ["chunk": 45.0, "embed": 50, "store": 90]
        let stored = try await store.store(page, from: origin) { step, message throws(JobFailure) in
            try await context.progress(percents[step] ?? 50, step: step, message)
        }
        let facts: [String: JSONValue] = [
            "uri": .string(source.uri), "title": .string(page.title), "doc_type": .string(source.type.rawValue), "pages_crawled": 1,
            "characters": .integer(Int64(page.text.count)), "chunks_created": .integer(Int64(stored.chunks)),
            "vectors_stored": .integer(Int64(stored.vectors)), "bytes_fetched": .integer(Int64(source.bytes.count)),
            "duration_ms": .integer(begin.duration(to: .now).milliseconds),
        ]
        return .object(facts.merging(rooms.embeddingFacts) { own, _ in own })
    }

    private func text(of source: DocumentSource.Document) async throws(JobFailure) -> ExtractedPage {
        switch try await store.extract(source.bytes, as: source.type, url: source.address, contentType: source.contentType) {
        case .failure(let reason): throw reason.failure("The document could not be read")
        case .success(let page) where page.text.isEmpty: throw SkipReason.empty.failure("The document could not be used")
        case .success(let page): return page
        }
    }
}
