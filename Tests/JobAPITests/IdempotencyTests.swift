import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct IdempotencyTests {
    private static let note: JSONValue = ["kind": "note", "input": ["text": "t"]]

    @Test(arguments: [RunningAPI.crawl, note])
    func twentyAtOnceMakeOneJob(body: JSONValue) async throws {
        try await withAPI { api in
            let answers = try await withThrowingTaskGroup(of: RunningAPI.Answer.self) { group in
                for _ in 0..<20 { group.addTask { try await api.post("/jobs", body, ["Idempotency-Key": "k1"]) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.map(\.status) == Array(repeating: 202, count: 20))
            #expect(Set(answers.map(\.jobID)).count == 1)
            #expect(answers.count { $0.headers["idempotency-replayed"] == nil } == 1)
        }
    }

    @Test func aReplayTellsWhereTheJobStandsNow() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let first = try await api.post("/jobs", IdempotencyTests.note, ["Idempotency-Key": "k"])
            _ = try await worker.startNext()
            let second = try await api.post("/jobs", IdempotencyTests.note, ["Idempotency-Key": "\"k\""])
            #expect(second.jobID == first.jobID)
            #expect(second.json["status"] == "processing")
            #expect(second.headers["idempotency-replayed"] == "true")
        }
    }

    @Test(arguments: [RunningAPI.crawl, note])
    func theSameKeyWithAnotherBodyIsRefused(body: JSONValue) async throws {
        try await withAPI { api in
            _ = try await api.post("/jobs", body, ["Idempotency-Key": "k"])
            let other = try await api.post(
                "/jobs", .object((body.object ?? [:]).merging(["title": "other"]) { $1 }), ["Idempotency-Key": "k"])
            #expect(other.status == 422)
            #expect(other.problem == "idempotency-conflict")
        }
    }

    @Test func theOrderOfMembersIsNoDifference() async throws {
        try await withAPI { api in
            let first = try await api.post("/jobs", text: #"{"kind":"note","input":{"text":"t"}}"#, ["Idempotency-Key": "k"])
            let second = try await api.post("/jobs", text: #"{ "input" : {"text":"t"}, "kind":"note"}"#, ["Idempotency-Key": "k"])
            #expect(second.jobID == first.jobID)
        }
    }

    @Test func keysOfDifferentRoutesNeverMeet() async throws {
        try await withAPI { api in
            let job = try await api.post("/jobs", RunningAPI.crawl, ["Idempotency-Key": "k"])
            let ingest = try await api.post(
                "/ingest-async", ["source_type": "document", "source_uri": "https://a.b/c"], ["Idempotency-Key": "k"])
            #expect(ingest.status == 202)
            #expect(ingest.jobID != job.jobID)
        }
    }

    @Test(arguments: ["\"\"", "a b", "\"open", "a\"b", "\"a\\b\"", String(repeating: "k", count: 256)])
    func senselessKeysAreRefused(key: String) async throws {
        #expect(throws: Problem.self) { try IdempotencyHeader.key(key, route: "/jobs", body: [:]) }
    }

    @Test func quotesAndEscapesAreTakenOff() throws {
        #expect(try IdempotencyHeader.key(#""a\"b\\c""#, route: "/jobs", body: [:])?.key == #"a"b\c"#)
        #expect(try IdempotencyHeader.key(nil, route: "/jobs", body: [:]) == nil)
    }
}
