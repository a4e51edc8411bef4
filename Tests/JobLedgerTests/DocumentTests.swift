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
