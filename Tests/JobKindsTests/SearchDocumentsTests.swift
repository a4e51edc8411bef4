import JobKinds
import JobLedger
import JobModel
import PostgresWire
import Synchronization
import Testing

/// What a search keeps of what a store tells, and what it asks for.
@Suite(.timeLimit(.minutes(1))) struct SearchDocumentsTests {
    private func stored(_ uri: String, in fixture: KindsFixture, chunks: Int = 1) async throws -> StoredDocument {
        try await fixture.ledger.storeDocument(
            DocumentRecord(uri: uri, title: "T", contentHash: "c", textLength: 1, model: "m"),
            chunks: (0..<chunks).map { DocumentChunk(index: $0, text: "t", start: 0) })
    }

    /// So many chunks, from this score down.
    private func matches(_ document: StoredDocument, _ count: Int = 1, from score: Double, generation: Int64? = nil) -> [VectorMatch] {
        (0..<count).map {
            VectorMatch(
                documentID: document.id, generation: generation ?? document.generation, chunkIndex: $0, text: "\($0)", uri: "old",
                title: "old",
                score: score - Double($0) / 10_000)
        }
    }

    @Test func whereTheStoreCannotNarrowMoreIsLookedAtAndNotWithoutEnd() async throws {
        try await KindsFixture.run { (fixture) async throws in
            let wanted = try await stored("http://a/", in: fixture)
            let other = try await stored("http://b/", in: fixture)
            let store = FixedStore(matches(other, 700, from: 1) + matches(wanted, 3, from: 0.5))
            let search = SearchDocuments(ledger: fixture.ledger, models: CountingModel(), vectors: store, embeddingModel: "m")
            let filter = DocumentFilter(source: "http://a")
            let found = try await search.search(DocumentQuestion("q", limit: 3, filter: filter))
            #expect(found.model == "m" && found.hits.map(\.chunk) == [0, 1, 2])
            #expect(found.hits.allSatisfy { $0.document.uri == "http://a/" && $0.document.title == "T" })
            #expect(store.limits == [16, 80, 400, 2_000])
            #expect(store.filters == Set([filter]))

            let endless = FixedStore(matches(other, 5_000, from: 1))
            let vain = SearchDocuments(ledger: fixture.ledger, models: CountingModel(), vectors: endless, embeddingModel: "m")
            #expect(try await vain.search(DocumentQuestion("q", filter: filter)).hits == [])
            #expect(endless.limits.last == 2_000 && endless.limits.count == 4)
            // Nobody wants what comes below.
            #expect(try await vain.search(DocumentQuestion("q", limit: 5, filter: filter, leastScore: 0.9999)).hits == [])
            #expect(endless.limits.count == 5)
        }
    }

    @Test func whatIsGoneOrOfAnotherGenerationOrNoNumberIsLeftOut() async throws {
        try await KindsFixture.run { (fixture) async throws in
            let old = try await stored("http://a/", in: fixture)
            let new = try await stored("http://a/", in: fixture)
            let gone = try await stored("http://b/", in: fixture)
            _ = try await fixture.pool.query("DELETE FROM documents WHERE id = $1", [.text(gone.id)])
            let foreign = VectorMatch(documentID: "no id", generation: 1, chunkIndex: 0, text: "t", uri: "u", title: "t", score: 0.9)
            let store = FixedStore(
                matches(old, 2, from: 0.9) + matches(gone, from: 0.8) + [foreign] + matches(new, from: .nan) + matches(new, 3, from: 0.5))
            let search = SearchDocuments(ledger: fixture.ledger, models: CountingModel(), vectors: store, embeddingModel: "m")
            #expect(try await search.search(DocumentQuestion("q")).hits.map(\.score) == [0.5, 0.4999, 0.4998])
            #expect(try await search.search(DocumentQuestion("q", leastScore: 0.4999)).hits.count == 2)
            #expect(try await search.search(DocumentQuestion("q", perSource: 1)).hits.map(\.chunk) == [0])
        }
    }

    @Test func theModelIsAskedOnceForAQueryOnBehalfOfNoJob() async throws {
        try await KindsFixture.run { (fixture) async throws in
            let model = CountingModel()
            let search = SearchDocuments(
                ledger: fixture.ledger, models: model, vectors: FixedStore([]), embeddingModel: "m", patience: .seconds(3))
            for query in ["\u{E9}", "\u{E9}", "e\u{301}", "\u{E9}"] { _ = try await search.search(DocumentQuestion(query)) }
            #expect(model.asked.withLock { $0.map { Array($0.utf8) } } == [Array("\u{E9}".utf8), Array("e\u{301}".utf8)])
            let callers = model.callers.withLock { $0 }
            #expect(callers.allSatisfy { $0?.attempt == 0 && $0?.patience == .seconds(3) })
            #expect(Set(callers.compactMap { $0?.jobID }).count == 2, "each has a permit of its own")
            #expect(Set(callers.compactMap { $0?.worker }).count == 1, "one process listens once")
        }
    }
}

/// Tells the same to everybody, so many as are asked for.
private final class FixedStore: VectorStore {
    let name = "fixed"
    private let all: [VectorMatch]
    private let asked = Mutex<[(limit: Int, filter: DocumentFilter)]>([])

    init(_ all: [VectorMatch]) { self.all = all }

    var limits: [Int] { asked.withLock { $0.map(\.limit) } }
    var filters: Set<DocumentFilter> { Set(asked.withLock { $0.map(\.filter) }) }

    func replace(_ document: VectorDocument, with chunks: [VectorChunk]) async throws(JobFailure) -> Int { 0 }

    func nearest(to vector: [Float], model: String, limit: Int, filter: DocumentFilter) async throws(JobFailure) -> [VectorMatch] {
        asked.withLock { $0.append((limit, filter)) }
        return Array(all.prefix(limit))
    }

    func trouble() async -> String? { nil }
}

/// Remembers what it was asked to embed, and by whom.
private final class CountingModel: ModelProvider {
    let name = "counting"
    let isStandIn = true
    let asked = Mutex<[String]>([])
    let callers = Mutex<[ModelCaller?]>([])

    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        asked.withLock { $0 += texts }
        callers.withLock { $0.append(ModelCaller.current) }
        return texts.map { _ in [1, 0] }
    }

    func answer(_ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void) async throws(JobFailure) -> ModelAnswer {
        throw .permanent("not asked", type: "test")
    }

    func models() async throws(JobFailure) -> [ModelDescription] { [] }
    func trouble() async -> String? { nil }
}
