import JobDesk
import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct SubmitTests {
    @Test func aJobIsAcceptedWithEverythingToFollowItBy() async throws {
        try await withAPI { api in
            let answer = try await api.post("/jobs", RunningAPI.crawl)
            let id = try #require(answer.jobID)
            #expect(answer.status == 202)
            #expect(answer.headers["location"] == "/jobs/\(id)")
            #expect(answer.headers["retry-after"] == "10")
            #expect(answer.json["status"] == "queued")
            #expect(answer.json["kind"] == "web_crawl")
            #expect(answer.json["status_url"] == .string("/jobs/\(id)"))
            #expect(answer.json["track_url"] == .string("/jobs/\(id)"))
            #expect(answer.json["events_url"] == .string("/jobs/\(id)/events"))
            #expect(answer.json["estimated_time"] == "2-5 minutes")
            #expect(answer.json["estimated_seconds"] == 200)
            #expect(answer.json["message"] == "Job queued for processing")
            #expect(answer.json["created_at"]?.string.flatMap { Timestamp(rfc3339: $0) } != nil)
        }
    }

    @Test func everyMemberOfARequestReachesTheJob() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/jobs",
                [
                    "kind": "note", "input": ["text": "t"], "queue": "ingest", "priority": "high", "timeout": 7.5, "max_attempts": 5,
                    "subject": "tides", "session_id": "s1", "title": "T", "description": "D", "tags": ["a", "b"], "metadata": ["k": 1],
                ], ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
            let job = try await api.desk.read(try #require(answer.jobID))
            #expect(job.queue == "ingest")
            #expect(job.priority == .high)
            #expect(job.timeoutMilliseconds == 7500)
            #expect(job.maxAttempts == 5)
            #expect(job.subject == "tides")
            #expect(job.sessionID == "s1")
            #expect(job.title == "T")
            #expect(job.tags == ["a", "b"])
            #expect(job.metadata == ["k": 1])
            #expect(job.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        }
    }

    @Test(arguments: ["delay", "run_at"])
    func aJobForLaterIsScheduled(member: String) async throws {
        try await withAPI { api in
            let due = Timestamp.now.advanced(byMilliseconds: 3_600_000)
            let body = (RunningAPI.crawl.object ?? [:]).merging([member: member == "delay" ? 3600 : .string(due.description)]) { $1 }
            let answer = try await api.post("/jobs", .object(body))
            #expect(answer.json["status"] == "scheduled")
            #expect(answer.headers["retry-after"].flatMap { Int($0) }.map { (3500...3600).contains($0) } == true)
            let document = try await api.get("/jobs/\(try #require(answer.jobID))").json
            let start = document["scheduled_at"]?.string.flatMap { Timestamp(rfc3339: $0) }
            #expect(start.map { abs($0.milliseconds - due.milliseconds) < 20_000 } == true)
        }
    }

    @Test func theIngestCallMakesACrawlWithItsMetadataSorted() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/ingest-async",
                [
                    "source_type": "web_crawl", "source_uri": "https://example.com",
                    "metadata": ["max_pages": 5, "allow_domains": [], "project": "p"],
                ])
            #expect(answer.status == 202)
            let id = try #require(answer.jobID)
            let job = try await api.desk.read(id)
            #expect(job.input == ["url": "https://example.com", "max_pages": 5, "allow_domains": []])
            let document = try await api.get("/jobs/\(id)").json
            #expect(document["metadata"] == ["project": "p", "source_type": "web_crawl", "source_uri": "https://example.com"])
        }
    }

    @Test func theIngestCallMakesADocumentJob() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/ingest-async", ["source_type": "document", "source_uri": "https://example.com/a.pdf", "metadata": ["doc_type": "pdf"]])
            let job = try await api.desk.read(try #require(answer.jobID))
            #expect(job.kind == "document")
            #expect(job.input == ["uri": "https://example.com/a.pdf", "doc_type": "pdf"])
        }
    }

    @Test func faultsOfAnIngestCallAreToldInItsOwnWords() async throws {
        try await withAPI { api in
            let answer = try await api.post(
                "/ingest-async", ["source_type": "web_crawl", "source_uri": "ftp://x", "metadata": ["max_pages": "many"]])
            #expect(answer.status == 422)
            let pointers = answer.json["errors"]?.array?.compactMap { $0["pointer"]?.string }
            #expect(pointers == ["#/source_uri", "#/metadata/max_pages"])
        }
    }

    @Test func aPostThatPrefersToWaitGetsTheEndedJob() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            async let answer = api.post("/jobs", ["kind": "note", "input": ["text": "t"]], ["Prefer": "wait=30"])
            let claim = try await worker.startNext()
            try await worker.finish(claim, as: .completed(["said": "t"]))
            let ended = try await answer
            #expect(ended.status == 200)
            #expect(ended.json["status"] == "completed")
            #expect(ended.json["result"] == ["said": "t"])
            #expect(ended.headers["preference-applied"] == "wait=30")
        }
    }
}
