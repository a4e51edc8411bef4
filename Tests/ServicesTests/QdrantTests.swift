/// The vector store on Qdrant: what is stored, replaced and found, and what each failure means for the job.
import JobModel
import Synchronization
import TestServers
import Testing
import WebFetch

@testable import Services

@Suite(.timeLimit(.minutes(1))) struct QdrantTests {
    let stub = StubQdrant()
    let directory = StubDirectory()
    let fetcher = Fetcher(guard: nil, userAgent: "t")

    private func withQdrant<R>(key: String? = nil, batchSize: Int = 100, _ body: (Qdrant) async throws -> R) async throws -> R {
        try await withStub(stub.answer) { url in
            try await body(Qdrant(url: url + "/", apiKey: key, fetcher: fetcher, directory: directory, prefix: "t", batchSize: batchSize))
        }
    }

    private func document(_ generation: Int64 = 1, id: String = "d1", model: String = "m") -> VectorDocument {
        VectorDocument(id: id, uri: "http://example.org/", title: "Title", generation: generation, model: model)
    }

    private func chunks(_ count: Int, id: Int = 1, text: String = "text", dimension: Int = 3) -> [VectorChunk] {
        (0..<count).map { index in
            let tail = String(index + id * 1_000_000)
            let uuid = "00000000-0000-5000-8000-" + String(repeating: "0", count: 12 - tail.count) + tail
            return VectorChunk(
                id: uuid, index: index, text: "\(text) \(index)", vector: [Float(index), 1] + Array(repeating: 0, count: dimension - 2))
        }
    }

    private func failure(_ qdrant: Qdrant, _ chunks: [VectorChunk]) async -> JobFailure? {
        do {
            _ = try await qdrant.replace(document(), with: chunks)
            return nil
        } catch { return error }
    }

    @Test func whatIsStoredIsFoundNearestFirst() async throws {
        try await withQdrant { qdrant in
            #expect(try await qdrant.replace(document(), with: chunks(3)) == 3)
            let matches = try await qdrant.nearest(to: [0, 1, 0], model: "m", limit: 2)
            #expect(matches.map(\.chunkIndex) == [0, 1])
            #expect(
                matches[0]
                    == VectorMatch(
                        documentID: "d1", generation: 1, chunkIndex: 0, text: "text 0", uri: "http://example.org/", title: "Title", score: 1
                    ))
            #expect(stub.collections["t_m_3"]?.indexes == ["doc_id": "keyword", "gen": "integer"])
        }
    }

    @Test func aShorterDocumentLeavesNoOldChunksAndOthersStay() async throws {
        try await withQdrant { qdrant in
            _ = try await qdrant.replace(document(id: "d2"), with: chunks(2, id: 2))
            _ = try await qdrant.replace(document(1), with: chunks(5))
            #expect(try await qdrant.replace(document(2), with: chunks(2, text: "new")) == 2)
            let texts = try await qdrant.nearest(to: [0, 1, 0], model: "m", limit: 100).filter { $0.documentID == "d1" }.map(\.text)
            #expect(Set(texts) == ["new 0", "new 1"])
            #expect(stub.collections["t_m_3"]?.points.count == 4)
        }
    }

    @Test func newChunksAreThereBeforeOldOnesGo() async throws {
        try await withQdrant { qdrant in
            _ = try await qdrant.replace(document(1), with: chunks(1))
            _ = try await qdrant.replace(document(2), with: chunks(1))
        }
        let writes = stub.calls.filter { $0.contains("/points") }
        #expect(writes.map { $0.hasPrefix("PUT") } == [true, false, true, false])
        #expect(writes.allSatisfy { $0.hasSuffix("?wait=true") })
    }

    @Test func anEmptyDocumentIsRemoved() async throws {
        try await withQdrant { qdrant in
            _ = try await qdrant.replace(document(1), with: chunks(3))
            #expect(try await qdrant.replace(document(2), with: []) == 0)
            #expect(try await qdrant.nearest(to: [0, 1, 0], model: "m", limit: 10) == [])
        }
    }

    @Test func anotherModelsChunksOfTheDocumentGoToo() async throws {
        try await withQdrant { qdrant in
            _ = try await qdrant.replace(document(1, model: "m"), with: chunks(3))
            _ = try await qdrant.replace(document(2, model: "n"), with: chunks(3, dimension: 4))
            #expect(try await qdrant.nearest(to: [0, 1, 0], model: "m", limit: 10) == [])
            #expect(try await qdrant.nearest(to: [0, 1, 0, 0], model: "n", limit: 10).count == 3)
        }
    }

    @Test func storingTheSameAgainChangesNothing() async throws {
        try await withQdrant { qdrant in
            for _ in 0..<2 { _ = try await qdrant.replace(document(), with: chunks(3)) }
            #expect(stub.collections["t_m_3"]?.points.count == 3)
        }
        #expect(stub.calls.filter { $0.hasSuffix("/exists") }.count == 1)
    }

    @Test func manyChunksGoInBatchesAndALargeBatchIsSplit() async throws {
        stub.state.withLock { $0.maxBody = 5000 }
        _ = try await withQdrant(batchSize: 50) { try await $0.replace(document(), with: chunks(120)) }
        #expect(stub.collections["t_m_3"]?.points.count == 120)
    }

    @Test func aWorkerThatLosesTheRaceToCreateGoesOn() async throws {
        stub.state.withLock {
            $0.collections["t_m_3"] = StubQdrant.Collection(size: 3)
            $0.scripted = [("/exists", StubQdrant.ok(["exists": false]))]
        }
        #expect(try await withQdrant { try await $0.replace(document(), with: chunks(1)) } == 1)
        #expect(stub.calls.contains { $0.hasPrefix("PUT /collections/t_m_3?") })
    }

    @Test func aCollectionOfAnotherShapeIsRefused() async throws {
        stub.state.withLock { $0.collections["t_m_3"] = StubQdrant.Collection(size: 3, distance: "Dot") }
        let failure = try await withQdrant { await self.failure($0, chunks(1)) }
        #expect(failure?.verdict == .permanent)
        #expect(failure?.message.contains("t_m_3") == true)
    }

    @Test func aCollectionRemovedBehindOurBackIsMadeAgainAtTheNextAttempt() async throws {
        try await withQdrant { qdrant in
            _ = try await qdrant.replace(document(), with: chunks(1))
            stub.state.withLock { $0.collections = [:] }
            #expect(await failure(qdrant, chunks(1))?.verdict == .retry(afterMilliseconds: nil))
            #expect(await failure(qdrant, chunks(1)) == nil)
        }
    }

    @Test func theKeyIsSentAndAWrongOneIsPermanent() async throws {
        stub.state.withLock { $0.key = "k3y" }
        #expect(try await withQdrant(key: "k3y") { await self.failure($0, chunks(1)) } == nil)
        for wrong in [nil, "other"] {
            let failure = try #require(try await withQdrant(key: wrong) { await self.failure($0, chunks(1)) })
            #expect(failure.verdict == .permanent && failure.type == "http_401")
            #expect(!failure.message.contains("other"))
            #expect(try await withQdrant(key: wrong) { await $0.trouble() }?.contains("QDRANT_API_KEY") == true)
        }
        #expect(try await withQdrant(key: "k3y") { await $0.trouble() } == nil)
    }

    @Test(arguments: [(408, true), (500, true), (503, true), (400, false), (403, false), (405, false), (422, false), (507, false)])
    func aStatusSaysWhetherToTryAgain(_ status: Int, _ again: Bool) async throws {
        stub.state.withLock { $0.scripted = [("/points", StubQdrant.error(status, "why"))] }
        let failure = try #require(try await withQdrant { await self.failure($0, chunks(1)) })
        #expect(failure.verdict == (again ? .retry(afterMilliseconds: nil) : .permanent))
    }

    @Test func theRateLimitSaysWhen() async throws {
        stub.state.withLock { $0.scripted = [("/points", StubQdrant.error(429, "Rate limiting exceeded", [("Retry-After", "3")]))] }
        #expect(try await withQdrant { await self.failure($0, chunks(1)) }?.verdict == .retry(afterMilliseconds: 3000))
    }

    @Test(arguments: ["wait_timeout", "acknowledged"])
    func whatIsNotYetStoredIsNotTakenForStored(_ status: String) async throws {
        stub.state.withLock { $0.writeStatus = status }
        let failure = try await withQdrant { await self.failure($0, chunks(1)) }
        #expect(failure?.type == "wait_timeout")
        #expect(!stub.calls.contains { $0.contains("/points/delete") })
    }

    @Test func aStatusThatIsAStringIsReadToo() async throws {
        let busy = StubResponse.json(503, ["status": "Operation is already in progress", "time": 0])
        stub.state.withLock { $0.scripted = [("/points", busy)] }
        #expect(try await withQdrant { await self.failure($0, chunks(1)) }?.message.contains("already in progress") == true)
    }

    @Test(arguments: [
        "<html>hello</html>", "", "{}", #"{"result":true,"status":"ok"}"#, #"{"result":{"status":"completed"},"status":{"error":"x"}}"#,
    ])
    func aSuccessOfAnotherFormIsRefused(_ body: String) async throws {
        stub.state.withLock { $0.scripted = [("/points", .text(body, status: 200))] }
        #expect(try await withQdrant { await self.failure($0, chunks(1)) }?.type == "invalid_answer")
    }

    @Test func vectorsThatJSONCannotCarryAreRefusedBeforeAnythingIsSent() async throws {
        let vectors: [[Float]] = [[.nan, 1, 0], [.infinity, 0, 0], []]
        try await withQdrant { qdrant in
            for vector in vectors {
                let chunk = VectorChunk(id: "00000000-0000-5000-8000-000000000001", index: 0, text: "t", vector: vector)
                #expect(await failure(qdrant, [chunk])?.type == "invalid_vector")
            }
            #expect(await failure(qdrant, chunks(1) + chunks(1, dimension: 4))?.type == "invalid_vector")
        }
        #expect(stub.calls == [])
    }

    @Test func hostileTextComesBackAsItWasWithoutNUL() async throws {
        try await withQdrant { qdrant in
            let text = "\"}],\u{0} \u{1F30A} \\ \n {{"
            let chunk = VectorChunk(id: "00000000-0000-5000-8000-000000000001", index: 0, text: text, vector: [1, 1e-30, -0.5])
            _ = try await qdrant.replace(document(id: "\"d\""), with: [chunk])
            let match = try #require(try await qdrant.nearest(to: [1, 0, 0], model: "m", limit: 1).first)
            #expect(match.text == "\"}], \u{1F30A} \\ \n {{")
            #expect(match.documentID == "\"d\"")
        }
    }

    @Test func aQueryIsNarrowedToTheDocumentsThatTheLedgerNames() async throws {
        try await withQdrant { qdrant in
            for number in 1...3 { _ = try await qdrant.replace(document(id: "d\(number)"), with: chunks(3, id: number)) }
            let filter = DocumentFilter(source: "http://example.org/", since: Timestamp(milliseconds: 5))
            func found(_ fitting: [String]?) async throws -> [String] {
                directory.known.withLock { $0.fitting = fitting }
                return try await qdrant.nearest(to: [0, 1, 0], model: "m", limit: 4, filter: filter).map {
                    "\($0.documentID) \($0.chunkIndex)"
                }
            }
            #expect(try await found(["d2"]) == ["d2 0", "d2 1", "d2 2"])
            #expect(try await found(["d3", "d2"]) == ["d2 0", "d3 0", "d2 1", "d3 1"], "equal ones stand in the order of documents")
            // Too many to name: the asker looks through what comes.
            #expect(try await found(nil).count == 4)
            let calls = stub.calls.count
            #expect(try await found([]) == [])
            #expect(stub.calls.count == calls, "nothing fits: nothing is asked")
            #expect(directory.known.withLock { $0.asked } == Array(repeating: filter, count: 4))
            #expect(try await qdrant.nearest(to: [0, 0, 0], model: "m", limit: 4) == [])
        }
    }

    @Test func aModelNothingWasStoredForHasNoMatches() async throws {
        #expect(try await withQdrant { try await $0.nearest(to: [1, 0], model: "never", limit: 5) } == [])
        #expect(try await withQdrant { try await $0.nearest(to: [1, 0], model: "never", limit: 0) } == [])
    }

    @Test func aServerThatNeverAnswersIsATimeout() async throws {
        try await withStub({ _ in .silence }) { url in
            let qdrant = Qdrant(url: url, fetcher: fetcher, directory: directory, timeout: .milliseconds(200))
            #expect(await failure(qdrant, chunks(1))?.type == "timeout")
        }
        #expect(await failure(Qdrant(url: "http://127.0.0.1:1", fetcher: fetcher, directory: directory), chunks(1))?.type == "unreachable")
    }

    @Test func namesOfModelsNeverMeet() {
        let client = ServiceClient(name: "Qdrant", url: "http://127.0.0.1:1", fetcher: fetcher)
        let collections = QdrantCollections(client: client, prefix: "t", timeout: .seconds(1))
        let models = [
            "a:b", "a-b", "a/b", "a_b", "A-b", "../x", "a b", "é", String(repeating: "x", count: 200), String(repeating: "x", count: 201),
        ]
        let names = models.map { collections.name(model: $0, dimension: 3) }
        #expect(Set(names).count == models.count)
        #expect(
            names.allSatisfy { $0.utf8.count < 120 && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) } })
    }
}
