import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct PresentationTests {
    private let photosynthesis: JSONValue = ["topic": "Photosynthesis for Biology Test", "user_id": "user123", "n_slides": 5]

    private func make(_ api: RunningAPI, _ topic: String, subject: String? = nil) async throws -> JobID {
        var body: [String: JSONValue] = ["topic": .string(topic)]
        if let subject { body["subject"] = .string(subject) }
        let answer = try await api.post("/api/presentations", .object(body))
        #expect(answer.status == 202)
        return try #require(answer.jobID)
    }

    private func patch(_ api: RunningAPI, _ path: String, _ json: JSONValue) async throws -> RunningAPI.Answer {
        try await api.send("PATCH", path, ["Content-Type": "application/json"], body: json.bytes)
    }

    private func topics(_ answer: RunningAPI.Answer) -> [String] {
        (answer.json["presentations"]?.array ?? []).compactMap { $0["topic"]?.string }
    }

    @Test func aPresentationIsMadeFollowedAndOrganised() async throws {
        try await withAPI { (api) async throws in
            let made = try await api.post("/api/presentations", photosynthesis)
            let id = try #require(made.jobID)
            let path = "/api/presentations/\(id)"
            #expect(made.status == 202 && made.headers["location"] == path && made.headers["retry-after"] == "30")
            #expect(made.json["status"] == "pending" && made.json["message"] == "Started generating...")
            #expect(made.json["check_status"] == .string(path) && made.json["estimated_time"] == "8-20 minutes")
            #expect(made.json["events_url"] == .string("/jobs/\(id)/events") && made.json["status_url"] == .string("/jobs/\(id)"))

            var shown = try await api.get(path).json
            #expect(shown["topic"] == "Photosynthesis for Biology Test" && shown["status"] == "pending" && shown["subject"] == "default")
            #expect(shown["user_id"] == "user123" && shown["n_slides"] == 5 && shown["presenton_url"] == .null)

            let worker = try await HandWorker(api)
            let claim = try await worker.startNext()
            try await worker.progress(40, of: claim)
            shown = try await api.get(path).json
            #expect(shown["status"] == "processing" && shown["progress"] == 40 && shown["message"] == "page 40")
            #expect(try await api.get("/api/presentations").json["presentations"]?.array?.first?["progress"] == 40)

            try await worker.finish(claim, as: .completed(["presenton_id": "p1", "presenton_url": "/presentation?id=p1"]))
            shown = try await api.get(path).json
            #expect(shown["status"] == "complete" && shown["presenton_url"] == "/presentation?id=p1" && shown["progress"] == nil)
            #expect(shown["completed_at"]?.string != nil && shown["error"] == .null)

            let moved = try await patch(api, path, ["subject": "biology"])
            #expect(moved.status == 200 && moved.json["subject"] == "biology")
            // The copy in Redis says so too, and so do the lists of jobs.
            #expect(try await api.get("/jobs/\(id)").json["subject"] == "biology")
            #expect(try await api.get("/jobs?subject=biology").json["count"] == 1)
            #expect(try await patch(api, path, ["subject": .null]).json["subject"] == "default")
            #expect(try await api.get("/jobs/\(id)").json["subject"] == nil)
        }
    }

    @Test func failuresAndCancelsAreErrors() async throws {
        try await withAPI { (api) async throws in
            let id = try await make(api, "t")
            #expect(try await api.post("/jobs/\(id)/cancel", [:]).status < 300)
            let shown = try await api.get("/api/presentations/\(id)").json
            #expect(shown["status"] == "error" && shown["error"] == "The job was cancelled")
            #expect(topics(try await api.get("/api/presentations?status=error,complete")) == ["t"])
            #expect(topics(try await api.get("/api/presentations?status=pending")) == [])
        }
    }

    @Test func aRepeatedRequestGivesTheSamePresentation() async throws {
        try await withAPI { (api) async throws in
            let first = try await api.post("/api/presentations", photosynthesis, ["Idempotency-Key": "k"])
            let worker = try await HandWorker(api)
            let claim = try await worker.startNext()
            let second = try await api.post("/api/presentations", photosynthesis, ["Idempotency-Key": "k"])
            #expect(second.jobID == first.jobID && second.json["status"] == "processing")
            #expect(second.headers["idempotency-replayed"] == "true" && second.status == 202)
            async let held = api.post("/api/presentations", photosynthesis, ["Idempotency-Key": "k", "Prefer": "wait=30"])
            try await worker.finish(claim, as: .completed(["presenton_url": "/presentation?id=p"]))
            let answer = try await held
            #expect(answer.status == 200 && answer.json["status"] == "complete" && answer.jobID == first.jobID)
        }
    }

    @Test func everythingThatIsWrongIsSaidWithItsPlace() async throws {
        try await withAPI { (api) async throws in
            let wrong: [(JSONValue, [String])] = [
                ([:], ["#/topic"]), (["topic": ""], ["#/topic"]),
                (["topic": "t", "n_slides": 0, "user_id": 1], ["#/n_slides", "#/user_id"]),
                (["topic": "t", "surprise": 1], ["#/surprise"]), (["topic": "t", "subject": ""], ["#/subject"]),
                (["topic": "t", "kind": "document", "input": [:]], ["#/input", "#/kind"]),
                (["topic": "t", "priority": "now"], ["#/priority"]),
            ]
            for (body, places) in wrong {
                let answer = try await api.post("/api/presentations", body)
                let found = (answer.json["errors"]?.array ?? []).compactMap { $0["pointer"]?.string }.sorted()
                #expect(answer.status == 422 && found == places, "\(body)")
            }
            for path in ["/api/presentations/nonsense", "/api/presentations/\(JobID())"] {
                #expect(try await api.get(path).problem == "unknown-presentation")
                #expect(try await patch(api, path, ["subject": "s"]).problem == "unknown-presentation")
            }
            for query in ["status=completed", "limit=0", "cursor=x", "surprise=1", "since=yesterday"] {
                #expect(try await api.get("/api/presentations?\(query)").problem == "invalid-filter", "\(query)")
            }
        }
    }

    @Test func listsHavePagesBySubjectAndUser() async throws {
        try await withAPI { (api) async throws in
            for number in 1...5 { _ = try await make(api, "even \(number)", subject: "even") }
            for number in 1...2 { _ = try await make(api, "odd \(number)") }
            _ = try await api.post("/api/presentations", photosynthesis)
            var found: [String] = []
            var path: String? = "/api/presentations?subject=even&limit=2"
            while let page = path {
                let answer = try await api.get(page)
                found += topics(answer)
                path = answer.json["next_cursor"]?.string.map { "/api/presentations?subject=even&limit=2&cursor=\($0)" }
            }
            #expect(found == (1...5).reversed().map { "even \($0)" })
            #expect(topics(try await api.get("/api/presentations?subject=default&user_id=user123")).count == 1)
            #expect(try await api.get("/api/presentations").json["count"] == 8)
        }
    }

    @Test func subjectsAreCountedRenamedAndMerged() async throws {
        try await withAPI { (api) async throws in
            for subject in ["bio", "bio", "biology", nil] { _ = try await make(api, "t", subject: subject) }
            func subjects() async throws -> [String: Int] {
                let found = try await api.get("/api/subjects").json["subjects"]?.array ?? []
                return Dictionary(uniqueKeysWithValues: found.map { ($0["subject"]?.string ?? "", $0["count"]?.integer ?? 0) })
            }
            #expect(try await subjects() == ["bio": 2, "biology": 1, "default": 1])
            let page = try await api.get("/api/subjects?limit=1&cursor=biology").json
            #expect(
                page["subjects"] == [
                    ["subject": "default", "count": 1, "unorganised": true, "pending": 1, "processing": 0, "complete": 0, "error": 0]
                ])

            let taken = try await api.post("/api/subjects/rename", ["from": "bio", "to": "biology"])
            #expect(taken.status == 409 && taken.problem == "subject-exists" && taken.json["subject"] == "biology")
            #expect(try await api.post("/api/subjects/rename", ["from": "none", "to": "x"]).problem == "unknown-subject")
            #expect(try await api.post("/api/subjects/rename", ["from": "default", "to": "x"]).problem == "invalid-input")
            #expect(try await api.post("/api/subjects/rename", ["from": "x", "to": "x"]).problem == "invalid-input")
            #expect(try await api.post("/api/subjects/rename", ["from": "bio", "to": "life"]).json == ["subject": "life", "moved": 2])
            let merged = try await api.post("/api/subjects/merge", ["from": ["life", "biology", "default"], "into": "biology"])
            #expect(merged.json == ["subject": "biology", "moved": 3])
            #expect(try await subjects() == ["biology": 4])
            #expect(try await api.post("/api/subjects/merge", ["from": [], "into": "biology"]).problem == "invalid-input")
        }
    }

    @Test func manyAreMovedAtOnceAndOnlyFromWhereTheyAre() async throws {
        try await withAPI { (api) async throws in
            let first = try await make(api, "a")
            let second = try await make(api, "b", subject: "maths")
            let stranger = JobID()
            let ids = JSONValue.array([first, second, stranger].map { .string($0.description) })
            let moved = try await patch(api, "/api/presentations", ["ids": ids, "subject": "biology", "from": "default"])
            #expect(moved.json["moved"] == 1 && moved.json["ids"] == [.string(first.description)])
            #expect(moved.json["unknown"] == [.string(stranger.description)])

            let late = try await patch(api, "/api/presentations/\(first)", ["subject": "physics", "from": "default"])
            #expect(late.status == 409 && late.problem == "subject-changed" && late.json["subject"] == "biology")
            #expect(try await patch(api, "/api/presentations/\(first)", ["subject": "biology", "from": "default"]).status == 200)
            for body: JSONValue in [["ids": [], "subject": "s"], ["ids": ["x"], "subject": "s"], ["ids": ids], ["subject": "s"]] {
                #expect(try await patch(api, "/api/presentations", body).problem == "invalid-input", "\(body)")
            }
        }
    }

    @Test func theAuditLogSaysWhatWasMovedFromWhere() async throws {
        try await withAPI { (api) async throws in
            let first = try await make(api, "a")
            let second = try await make(api, "b", subject: "maths")
            let ids = JSONValue.array([second, first, second].map { .string($0.description) })
            _ = try await patch(api, "/api/presentations/\(first)", ["subject": "biology"])
            _ = try await patch(api, "/api/presentations", ["ids": ids, "subject": "physics", "from": "maths"])
            _ = try await api.post("/api/subjects/rename", ["from": "physics", "to": "chemistry"])
            _ = try await api.post("/api/subjects/merge", ["from": ["biology", "chemistry"], "into": "science"])
            let entries = try #require(try await api.get("/audit").json["entries"]?.array)
            let details = entries.map { $0["detail"] }
            #expect(
                details == [
                    ["from": ["biology", "chemistry"], "moved": 2], ["to": "chemistry", "moved": 1],
                    ["subject": "physics", "from": "maths", "moved": 1, "ids": [.string(second.description)]],
                    ["subject": "biology", "was": "default"],
                ])
        }
    }
}
