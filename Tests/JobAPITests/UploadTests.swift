import JobDesk
import JobLedger
import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct UploadTests {
    @Test func anUploadedFileCanBeIngested() async throws {
        try await withAPI { api in
            let bytes = Array("%PDF-1.4 \u{0} not really".utf8)
            let stored = try await api.send("POST", "/uploads?filename=a%20report.pdf", ["Content-Type": "application/pdf"], body: bytes)
            #expect(stored.status == 201)
            #expect(stored.json["name"] == "a report.pdf")
            #expect(stored.json["bytes"] == .integer(Int64(bytes.count)))
            #expect(stored.json["sha256"] == .string(Digest.sha256(bytes)))
            let uri = try #require(stored.json["uri"]?.string)
            #expect(uri == "upload:" + (stored.json["upload_id"]?.string ?? ""))
            let upload = try await api.desk.ledger.upload(String(uri.dropFirst("upload:".count)))
            #expect(upload?.bytes == bytes)
            let job = try await api.post("/ingest-async", ["source_type": "document", "source_uri": .string(uri)])
            #expect(job.status == 202)
        }
    }

    @Test func filesOverTheLimitAreRefused() async throws {
        try await withAPI { settings in
            settings.maxUploadBytes = 1000
        } _: { api in
            let answer = try await api.send("POST", "/uploads", body: [UInt8](repeating: 1, count: 1001))
            #expect(answer.status == 413)
            #expect(answer.json["limit_bytes"] == 1000)
            #expect(try await api.send("POST", "/uploads", body: [UInt8](repeating: 1, count: 1000)).status == 201)
        }
    }

    @Test func aFormIsRefusedWithWhatToDoInstead() async throws {
        try await withAPI { api in
            let answer = try await api.send("POST", "/uploads", ["Content-Type": "multipart/form-data; boundary=b"], body: [1])
            #expect(answer.status == 415)
            #expect(answer.json["detail"]?.string?.contains("bytes of the file as the body") == true)
        }
    }

    @Test(arguments: ["../a", "a/b", "a%5Cb", "", "..", "a%00b", "a%0Ab"])
    func namesThatAreNotNamesAreRefused(name: String) async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.send("POST", "/uploads?filename=\(name)", body: [1]).problem == "invalid-query")
        }
    }

    @Test func anEmptyFileIsRefused() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.send("POST", "/uploads").problem == "empty-body")
        }
    }

    @Test func aClientThatExpectsToBeAskedIsAsked() async throws {
        try await withAPI { api in
            let connection = try await RawConnection.open(api.port)
            try await connection.send(RunningAPI.head("POST", "/uploads", ["Expect": "100-continue"], length: 3))
            #expect(try await connection.anyHead().status == 100)
            try await connection.send("abc")
            #expect(try await connection.head().status == 201)
        }
    }
}
