import JobLedger
import JobModel
import PostgresWire
import Testing

@Suite struct DocumentTests {
    private func record(_ uri: String = "http://h/a", title: String = "T") -> DocumentRecord {
        DocumentRecord(
            uri: uri, title: title, language: "de", contentType: "html", contentHash: "c", textLength: 9, jobID: JobID(), model: "m")
    }

    private func chunks(_ count: Int, _ word: String = "text") -> [DocumentChunk] {
        (0..<count).map { DocumentChunk(index: $0, text: "\(word) \($0) 'quoted' \\ \"", start: $0 * 850) }
    }

    @Test(.timeLimit(.minutes(1))) func `Ingesting again replaces the chunks and raises the generation`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let first = try await fixture.ledger.storeDocument(record(), chunks: chunks(1201, "old"))
            #expect(try await fixture.ledger.chunks(ofDocument: first.id) == chunks(1201, "old"))
            let again = record(title: "New")
            let second = try await fixture.ledger.storeDocument(again, chunks: chunks(2, "new\u{0}"))
            #expect(second.id == first.id && first.generation == 1 && second.generation == 2)
            #expect(try await fixture.ledger.chunks(ofDocument: first.id) == chunks(2, "new"))
            #expect(try await fixture.ledger.document(uri: again.uri) == second)
            #expect(try await fixture.ledger.document(uri: "http://h/other") == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Ingests of one document at once leave one whole generation`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let wanted = record("http://h/" + String(repeating: "x", count: 8000))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...8 {
                    group.addTask { _ = try await fixture.ledger.storeDocument(wanted, chunks: chunks(number * 10, "g\(number)")) }
                }
                try await group.waitForAll()
            }
            let stored = try #require(try await fixture.ledger.document(uri: wanted.uri))
            #expect(stored.generation == 8)
            let left = try await fixture.ledger.chunks(ofDocument: stored.id)
            #expect(left == chunks(left.count, String(left[0].text.prefix { $0 != " " })))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An upload comes back byte for byte, and an unknown id is nil`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let stored = try await fixture.ledger.storeUpload(name: "a'b\"\u{0}.pdf", contentType: "application/pdf", bytes: bytes)
            let upload = try #require(try await fixture.ledger.upload(stored.id))
            #expect(upload.bytes == bytes && upload.sha256 == Digest.sha256(bytes) && upload.name == "a'b\".pdf")
            #expect(try await fixture.ledger.upload("' OR true --") == nil)
            #expect(try await fixture.ledger.upload(JobID().description) == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Nearest neighbours are those that brute force finds`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let vectors = PostgresVectors(fixture.pool)
            var generator = SystemRandomNumberGenerator()
            let points = (0..<300).map { _ in (0..<24).map { _ in Float.random(in: -1...1, using: &generator) } }
            let stored = try await fixture.ledger.storeDocument(record(), chunks: chunks(300))
            let document = VectorDocument(id: stored.id, uri: "http://h/a", title: "T", generation: 1, model: "m")
            let count = try await vectors.replace(
                document,
                with: zip(points, chunks(300)).map { point, chunk in
                    VectorChunk(id: "\(chunk.index)", index: chunk.index, text: chunk.text, vector: point)
                })
            #expect(count == 300)
            #expect(try await fixture.ledger.chunks(ofDocument: stored.id) == chunks(300), "vectors changed the chunks' places")
            let query = points[7].map { $0 * 3 + 0.01 }
            let found = try await vectors.nearest(to: query, model: "m", limit: 10)
            let expected = points.indices.sorted { cosine(points[$0], query) > cosine(points[$1], query) }.prefix(10)
            #expect(found.map(\.chunkIndex) == Array(expected))
            for match in found { #expect(abs(match.score - cosine(points[match.chunkIndex], query)) < 1e-4) }
            #expect(try await vectors.nearest(to: query, model: "other", limit: 10).isEmpty)
            #expect(try await vectors.nearest(to: [1, 2], model: "m", limit: 10).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Vectors of an older generation do not replace newer ones`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let vectors = PostgresVectors(fixture.pool)
            let stored = try await fixture.ledger.storeDocument(record(), chunks: chunks(2))
            _ = try await fixture.ledger.storeDocument(record(), chunks: chunks(1))
            let chunk = VectorChunk(id: "0", index: 0, text: "t", vector: [1, 0])
            func document(_ generation: Int64) -> VectorDocument {
                VectorDocument(id: stored.id, uri: "u", title: "t", generation: generation, model: "m")
            }
            #expect(try await vectors.replace(document(1), with: [chunk]) == 0)
            for _ in 0..<2 { #expect(try await vectors.replace(document(2), with: [chunk]) == 1) }
            #expect(try await vectors.replace(document(1), with: [chunk]) == 0)
            #expect(try await vectors.nearest(to: [1, 0], model: "m", limit: 5).map(\.chunkIndex) == [0])
        }
    }

    /// A document whose chunks have these vectors.
    private func store(_ uri: String, _ points: [[Float]], in fixture: LedgerFixture) async throws -> StoredDocument {
        let stored = try await fixture.ledger.storeDocument(record(uri), chunks: chunks(points.count, uri))
        let document = VectorDocument(id: stored.id, uri: uri, title: "T", generation: stored.generation, model: "m")
        let made = zip(points, chunks(points.count, uri)).map {
            VectorChunk(id: "\($1.index)", index: $1.index, text: $1.text, vector: $0)
        }
        #expect(try await PostgresVectors(fixture.pool).replace(document, with: made) == points.count)
        return stored
    }

    @Test(.timeLimit(.minutes(1))) func `A search is narrowed by the beginning of the address, letter by letter`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let addresses = ["http://h/a%b/1", "http://h/aXb/1", "http://h/a_b/\u{E9}", "http://h/a_b/e\u{301}", "http://H/a%b/1"]
            for uri in addresses { _ = try await store(uri, [[1, 0]], in: fixture) }
            let vectors = PostgresVectors(fixture.pool)
            func found(_ source: String) async throws -> Set<[UInt8]> {
                let matches = try await vectors.nearest(to: [1, 0], model: "m", limit: 9, filter: DocumentFilter(source: source))
                let known = try await fixture.ledger.documents(fitting: DocumentFilter(source: source), atMost: 9)
                #expect(Set(matches.map(\.documentID)) == Set(known ?? []))
                return Set(matches.map { Array($0.uri.utf8) })
            }
            func bytes(_ indices: Int...) -> Set<[UInt8]> { Set(indices.map { Array(addresses[$0].utf8) }) }
            #expect(try await found("http://h/") == bytes(0, 1, 2, 3))
            #expect(try await found("http://h/a%b") == bytes(0))
            #expect(try await found("http://h/a_b/") == bytes(2, 3))
            #expect(try await found("http://h/a_b/\u{E9}") == bytes(2))
            #expect(try await found("h/a") == [])
            #expect(try await found("' OR true --") == [])
            #expect(try await found("\\") == [])
            #expect(try await fixture.ledger.documents(fitting: DocumentFilter(source: "http://h/"), atMost: 3) == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A search is narrowed by when documents were ingested, to the millisecond`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            var stored: [StoredDocument] = []
            for (index, time) in ["2026-01-01T00:00:00.0005Z", "2026-01-01T00:00:00.001Z", "2026-01-02T00:00:00Z"].enumerated() {
                stored.append(try await store("http://h/\(index)", [[1, 0]], in: fixture))
                _ = try await fixture.pool.query(
                    "UPDATE documents SET updated_at = $1::timestamptz WHERE id = $2", [.text(time), .text(stored[index].id)])
            }
            let vectors = PostgresVectors(fixture.pool)
            func found(_ since: String?, _ until: String?) async throws -> [String] {
                let filter = DocumentFilter(since: since.flatMap(Timestamp.init(rfc3339:)), until: until.flatMap(Timestamp.init(rfc3339:)))
                return try await vectors.nearest(to: [1, 0], model: "m", limit: 9, filter: filter).map(\.uri).sorted()
            }
            #expect(try await found("2026-01-01T00:00:00.001Z", nil) == ["http://h/1", "http://h/2"])
            #expect(try await found(nil, "2026-01-01T00:00:00.001Z") == ["http://h/0"])
            #expect(try await found("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z") == ["http://h/0", "http://h/1"])
            #expect(try await found("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z").count == 3)
            let known = try await fixture.ledger.knownDocuments(Set(stored.map(\.id) + ["' OR true --", JobID().description]))
            #expect(known.count == 3)
            #expect(known[stored[0].id]?.ingestedAt.description == "2026-01-01T00:00:00.000Z")
            #expect(known[stored[1].id]?.uri == "http://h/1")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Chunks of another generation, and vectors without a direction, are not near`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            let stored = try await store("http://h/a", [[1, 0], [0, 0], [-1, 0], [0.6, 0.8], [0.6, -0.8]], in: fixture)
            let vectors = PostgresVectors(fixture.pool)
            _ = try await fixture.pool.query(
                "UPDATE document_chunks SET embedding = '{NaN,1}' WHERE document_id = $1 AND chunk_index = 2", [.text(stored.id)])
            let found = try await vectors.nearest(to: [2, 0], model: "m", limit: 9)
            #expect(found.map(\.chunkIndex) == [0, 3, 4, 1], "equal ones stand in their order; what is no number is left out")
            #expect(found.map { ($0.score * 1e6).rounded() / 1e6 } == [1, 0.6, 0.6, 0])
            #expect(try await vectors.nearest(to: [0, 0], model: "m", limit: 9).isEmpty)
            #expect(try await vectors.nearest(to: [.nan, 1], model: "m", limit: 9).isEmpty)
            #expect(try await vectors.nearest(to: [1e-30, 1e-38], model: "m", limit: 1).first?.score == 1, "small products do not fail")
            _ = try await fixture.pool.query("UPDATE documents SET generation = 2 WHERE id = $1", [.text(stored.id)])
            #expect(try await vectors.nearest(to: [1, 0], model: "m", limit: 9).isEmpty)
            let document = VectorDocument(id: stored.id, uri: "u", title: "T", generation: 2, model: "m")
            await #expect(throws: JobFailure.self) {
                try await vectors.replace(document, with: [VectorChunk(id: "0", index: 0, text: "t", vector: [.infinity])])
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Vectors of any usual length are compared`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            for length in [1, 2, 3, 1536, 8192] {
                var point = [Float](repeating: 0.001, count: length)
                point[length - 1] = -1
                let stored = try await store("http://h/\(length)", [point], in: fixture)
                let match = try #require(try await PostgresVectors(fixture.pool).nearest(to: point, model: "m", limit: 1).first)
                #expect(match.documentID == stored.id && match.score > 0.9999)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The mark of the Redis data is kept`() async throws {
        try await LedgerFixture.run { (fixture) async throws in
            #expect(try await fixture.ledger.generation() == nil)
            for mark in ["a", "b"] { try await fixture.ledger.setGeneration(mark) }
            #expect(try await fixture.ledger.generation() == "b")
        }
    }

    private func cosine(_ left: [Float], _ right: [Float]) -> Double {
        func product(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        return product(left, right) / (product(left, left) * product(right, right)).squareRoot()
    }
}
