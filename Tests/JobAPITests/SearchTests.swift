import JobDesk
import JobKinds
import JobLedger
import JobModel
import PostgresWire
import Services
import Synchronization
import Testing

@testable import JobAPI

/// `POST /search` on a real PostgreSQL, with the stand-in for a model.
@Suite(.timeLimit(.minutes(1))) struct SearchTests {
    private func withSearch(_ models: any ModelProvider = Echo(), _ test: (RunningAPI) async throws -> Void) async throws {
        let search = SearchMaker { desk, pool in
            SearchDocuments(
                ledger: desk.ledger, models: models, vectors: PostgresVectors(pool), embeddingModel: "echo",
                patience: .milliseconds(50), embedLimit: .milliseconds(500))
        }
        try await withAPI(search: search) { (api) async throws in try await test(api) }
    }

    /// Keeps a document as ingestion does; each text is a chunk.
    private func ingest(_ uri: String, _ texts: [String], _ api: RunningAPI, job: JobID = JobID()) async throws -> StoredDocument {
        let stored = try await api.desk.ledger.storeDocument(
            DocumentRecord(uri: uri, title: "Title <b>", contentHash: "c", textLength: 1, jobID: job, model: "echo"),
            chunks: texts.enumerated().map { DocumentChunk(index: $0, text: $1, start: 0) })
        let vectors = try await Echo().embed(texts, model: "echo")
        let chunks = zip(texts, vectors).enumerated().map { VectorChunk(id: "\($0)", index: $0, text: $1.0, vector: $1.1) }
        let document = VectorDocument(id: stored.id, uri: uri, title: "Title <b>", generation: stored.generation, model: "echo")
        #expect(try await PostgresVectors(api.pool).replace(document, with: chunks) == texts.count)
        return stored
    }

    private func sources(_ api: RunningAPI, _ body: JSONValue) async throws -> [String] {
        let answer = try await api.post("/search", body)
        #expect(answer.status == 200, "\(answer.json)")
        return answer.json["results"]?.array?.compactMap { $0["source"]?.string } ?? []
    }

    @Test func theNearestChunkComesFirstWithAllThatIsKnownOfIt() async throws {
        try await withSearch { api in
            let job = JobID()
            let tides = try await ingest(
                "http://h/tides", ["High water comes twice a day \u{1F30A} \u{E9}", "Sand and stones"], api, job: job)
            _ = try await ingest("http://h/boats", ["A ketch has two masts"], api)
            let answer = try await api.post("/search", ["query": "when is high water?", "limit": 2])
            #expect(answer.status == 200 && answer.json["query"] == "when is high water?" && answer.json["model"] == "echo")
            #expect(answer.json["count"] == 2 && answer.json["results"]?.array?.count == 2)
            var best = try #require(answer.json["results"]?.array?.first?.object)
            let score = try #require(best.removeValue(forKey: "score")?.number)
            #expect((0.1...1).contains(score))
            let known = try #require(try await api.desk.ledger.knownDocuments([tides.id])[tides.id])
            #expect(
                JSONValue.object(best) == [
                    "text": "High water comes twice a day \u{1F30A} \u{E9}", "source": "http://h/tides", "title": "Title <b>", "chunk": 0,
                    "document_id": .string(tides.id), "job_id": .string(job.description),
                    "ingested_at": .string(known.ingestedAt.description),
                ])
            #expect(
                try await api.post("/search", ["query": "High water"]).json == (try await api.post("/search", ["query": "High water"]).json)
            )
        }
    }

    @Test func filtersNarrowAndPerSourceSpreads() async throws {
        try await withSearch { api in
            _ = try await ingest("http://h/a/1", (0..<30).map { "water \($0)" }, api)
            _ = try await ingest("http://h/a/2", ["water and more"], api)
            _ = try await ingest("http://h/b", ["water"], api)
            #expect(try await sources(api, ["query": "water", "limit": 50]).count == 32)
            #expect(try await sources(api, ["query": "water", "limit": 1]) == ["http://h/b"])
            #expect(
                Set(try await sources(api, ["query": "water", "source": "http://h/a/", "limit": 50])) == ["http://h/a/1", "http://h/a/2"])
            let spread = try await sources(api, ["query": "water", "per_source": 1])
            #expect(spread.sorted() == ["http://h/a/1", "http://h/a/2", "http://h/b"])
            #expect(try await sources(api, ["query": "water", "min_score": 0.999]) == ["http://h/b"])
            #expect(try await sources(api, ["query": "water", "since": "2999-01-01T00:00:00Z"]) == [])
            #expect(try await sources(api, ["query": "water", "until": "2000-01-01T00:00:00+01:00"]) == [])
            #expect(try await sources(api, ["query": "water", "source": "%"]) == [])
        }
    }

    @Test func whatWasReplacedOrRemovedIsNotFound() async throws {
        try await withSearch { api in
            let first = try await ingest("http://h/a", ["old water"], api)
            _ = try await ingest("http://h/a", ["new stones"], api)
            let gone = try await ingest("http://h/b", ["water"], api)
            _ = try await api.pool.query("DELETE FROM documents WHERE id = $1", [.text(gone.id)])
            let answer = try await api.post("/search", ["query": "water"])
            #expect(answer.json["results"]?.array?.map { $0["text"] } == ["new stones"])
            #expect(answer.json["results"]?.array?.first?["document_id"]?.string == first.id)
        }
    }

    @Test func whatDoesNotFitIsToldAtItsPlace() async throws {
        try await withSearch { api in
            let faults: [(JSONValue, String)] = [
                ([:], "#/query"), (["query": ""], "#/query"), (["query": " \n\u{3000}"], "#/query"), (["query": 1], "#/query"),
                (["query": .string(String(repeating: "\u{E9}", count: 4_001))], "#/query"),
                (["query": "q", "limit": 0], "#/limit"), (["query": "q", "limit": 51], "#/limit"),
                (["query": "q", "limit": 1.5], "#/limit"),
                (["query": "q", "limit": "10"], "#/limit"), (["query": "q", "min_score": 1.01], "#/min_score"),
                (["query": "q", "min_score": -0.1], "#/min_score"), (["query": "q", "since": "yesterday"], "#/since"),
                (["query": "q", "until": "2026-02-30T00:00:00Z"], "#/until"), (["query": "q", "source": ""], "#/source"),
                (["query": "q", "per_source": 0], "#/per_source"),
                (["query": "q", "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"], "#/until"),
                (["query": "q", "sources": "x"], "#/sources"),
            ]
            for (body, pointer) in faults {
                let answer = try await api.post("/search", body)
                #expect(answer.status == 422 && answer.problem == "invalid-input", "\(body)")
                #expect(answer.json["errors"]?.array?.contains { $0["pointer"]?.string == pointer } == true, "\(body): \(answer.json)")
            }
            for text in ["[]", "{\"query\": \"\\u0000\"}", "{\"query\": \"q\", \"query\": \"r\"}", "nonsense"] {
                #expect((400...422).contains(try await api.post("/search", text: text).status), "\(text)")
            }
            for query in ["' OR true; --", "\\", "{1,2}", "\u{202E}\u{200D}", "<script>", "$1"] {
                #expect(try await api.post("/search", ["query": .string(query)]).status == 200, "\(query)")
            }
        }
    }

    @Test func aModelServerThatIsAwayIsA503ThatSaysWhen() async throws {
        let models = FailingModels()
        try await withSearch(models) { api in
            _ = try await ingest("http://h/a", ["water"], api)
            for failure: JobFailure in [
                .retry("away", type: "unreachable"), .retry("busy", type: "busy", afterMilliseconds: 1_200),
                .permanent("no such model", type: "model_not_found"),
            ] {
                models.failure.withLock { $0 = failure }
                let answer = try await api.post("/search", ["query": "water"])
                #expect(answer.status == 503 && answer.problem == "unavailable")
                #expect(answer.headers["retry-after"] == (failure.type == "busy" ? "2" : "5"))
                #expect(answer.json["detail"]?.string == failure.message + ".")
            }
            models.failure.withLock { $0 = .permanent("refused with status 400: too long", type: "http_400") }
            let refused = try await api.post("/search", ["query": "water"])
            #expect(refused.status == 422 && refused.json["errors"]?.array?.first?["pointer"] == "#/query")
            models.failure.withLock { $0 = nil }
            #expect(try await sources(api, ["query": "water"]) == ["http://h/a"])
            // The query's vector is remembered.
            models.failure.withLock { $0 = .retry("away", type: "unreachable") }
            #expect(try await sources(api, ["query": "water"]) == ["http://h/a"])
        }
    }

    @Test func aModelServerThatNeverAnswersIsNotWaitedFor() async throws {
        let models = FailingModels()
        models.isSilent.withLock { $0 = true }
        try await withSearch(models) { api in
            let answer = try await api.post("/search", ["query": "water"])
            #expect(answer.status == 503 && answer.problem == "unavailable" && answer.headers["retry-after"] == "5")
        }
    }

    @Test func withoutModelServersItSaysWhatIsMissing() async throws {
        try await withAPI { (api) async throws in
            let answer = try await api.post("/search", ["query": "water"])
            #expect(answer.status == 503 && answer.headers["retry-after"] == "60")
            #expect(answer.json["detail"]?.string?.contains("OLLAMA_URL") == true)
        }
    }

    @Test func whilePostgreSQLIsAwayItIsA503() async throws {
        let search = SearchMaker { desk, _ in
            let nowhere = PostgresPool(PostgresOptions(url: "postgresql://127.0.0.1:1/none"), logger: quiet)
            return SearchDocuments(ledger: desk.ledger, models: Echo(), vectors: PostgresVectors(nowhere), embeddingModel: "echo")
        }
        try await withAPI(search: search) { (api) async throws in
            let answer = try await api.post("/search", ["query": "water"])
            #expect(answer.status == 503 && answer.problem == "unavailable" && answer.headers["retry-after"] != nil)
        }
    }
}

/// Echo, when it is not told to fail.
private final class FailingModels: ModelProvider {
    let name = "failing"
    let isStandIn = true
    let failure = Mutex<JobFailure?>(nil)
    let isSilent = Mutex(false)

    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] {
        if isSilent.withLock({ $0 }) {
            do { try await Task.sleep(for: .seconds(600)) } catch { throw .cancelled }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return try await Echo().embed(texts, model: model)
    }

    func answer(_ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void) async throws(JobFailure) -> ModelAnswer {
        throw .permanent("not asked", type: "test")
    }

    func models() async throws(JobFailure) -> [ModelDescription] { [] }
    func trouble() async -> String? { nil }
}
