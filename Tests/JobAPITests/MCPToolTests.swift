import JobKinds
import JobModel
import TestServers
import Testing

@testable import JobAPI

/// Tools over the API's own routes: what they need, what they write down, how they wait.
@Suite(.timeLimit(.minutes(1))) struct MCPToolTests {
    private func required(_ settings: inout JobServerSettings) {
        MCP.tools(&settings)
        settings.callers = .required
    }

    @Test func aToolNeedsWhatItsRouteNeeds() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let nobody = try await api.post("/mcp", MCP.message("tools/list"))
            #expect(nobody.status == 401 && nobody.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            let (read, submit) = (try await api.key([.read]), try await api.key([.submit]))
            // Whoever may only submit sees what can be submitted.
            let tools = try await api.post("/mcp", MCP.message("tools/list"), submit).json["result"]?["tools"]?.array ?? []
            #expect(tools.contains { $0["name"] == "crawl_web" } && tools.contains { $0["name"] == "note" })
            let refused = try await api.tool("crawl_web", ["url": "https://example.com/"], read)
            #expect(refused["isError"] == true && refused.said.contains("scope submit"))
            let made = try await api.tool("crawl_web", ["url": "https://example.com/", "wait_seconds": 1], submit)
            #expect(made["isError"] == false && made.said.contains("scope read") && made["structuredContent"]?["job_id"]?.string != nil)
            #expect(try await api.tool("list_jobs", [:], submit).said.contains("scope read"))
            let plain = try await api.post("/mcp/crawl_web", ["url": "https://example.com/"], read)
            #expect(plain.status == 403 && plain.problem == "missing-scope" && plain.json["scope"] == "submit")
            let tasked = try await api.modern(
                "tools/call", ["name": "crawl_web", "arguments": ["url": "https://example.com/"]], name: "crawl_web",
                capabilities: MCP.tasks,
                submit)
            let id = try #require(tasked.json["result"]?["structuredContent"]?["job_id"]?.string)
            let cancelled = try await api.modern("tasks/cancel", ["taskId": .string(id)], name: id, capabilities: MCP.tasks, submit)
            #expect(cancelled.json["result"]?["resultType"] == "complete")
            #expect(try await api.get("/jobs/\(id)", read).json["status"] == "cancelled")
            let list = try await api.modern("tools/list", [:], submit).json["result"]
            #expect(list?["cacheScope"] == "private")
        }
    }

    @Test func aChangeIsWrittenDownAndAJobIsCharged() async throws {
        try await withAPI {
            required(&$0)
        } _: { (api) async throws in
            let key = try await api.key([.read, .submit, .manage]) { $0.jobsADay = 1 }
            let made = try await api.post("/mcp/crawl_web", ["url": "https://example.com/"], key)
            #expect(made.status == 202 && made.headers["ratelimit"]?.contains("\"jobs-a-day\";r=0") == true)
            let id = try #require(made.jobID)
            let full = try await api.tool("crawl_web", ["url": "https://example.com/"], key)
            #expect(full["isError"] == true && full.said.contains("Quota exceeded"))
            _ = try await api.tool("cancel_job", ["job_id": .string(id.description)], key.merging(["X-Request-ID": "r-9"]) { $1 })
            let entries = try await api.get("/audit?action=job.cancel", key).json["entries"]?.array ?? []
            #expect(entries.map { $0["target"]?.string } == [id.description] && entries.first?["request_id"] == "r-9")
            #expect(try await api.get("/jobs/\(id)", key).json["submitted_by"]?.string != nil)
        }
    }

    @Test func plainCallsAnswerAsTheSeedsDo() async throws {
        try await withAPI(MCP.tools) { api in
            let made = try await api.post("/mcp/crawl_web", ["url": "https://example.com", "maxPages": 5])
            let id = try #require(made.jobID)
            #expect(made.status == 202 && made.headers["location"] == "/jobs/\(id)")
            #expect(made.headers["retry-after"].flatMap { Int($0) } != nil && made.json["status_url"] == .string("/jobs/\(id)"))
            #expect(made.json["status"] == "queued" && made.json["message"] == "Crawling https://example.com queued for processing")
            #expect(made.json["track_url"] == .string("/jobs/\(id)") && made.json["estimated_time"] == "2-5 minutes")
            #expect(try await api.get("/jobs/\(id)").json["metadata"]?["source_uri"] == "https://example.com")
            let document = try await api.post("/mcp/ingestDoc", ["docUri": "https://example.com/a.pdf"])
            #expect(document.json["message"] == "Document ingestion queued: https://example.com/a.pdf")
            let status = try await api.post("/mcp/GetJobStatus", ["jobId": .string(id.description)])
            #expect(status.status == 200 && status.json["status"] == "queued" && status.json["progress"] == 0)
            let wrong = try await api.post("/mcp/crawl_web", ["ur": "x", "maxPages": 0])
            let faults = wrong.json["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? []
            #expect(wrong.status == 422 && wrong.problem == "invalid-input" && Set(faults) == ["#/url", "#/ur", "#/maxPages"])
            let unknown = try await api.post("/mcp/crawl_wob", [:])
            #expect(
                unknown.status == 404 && unknown.problem == "unknown-tool" && unknown.json["detail"]?.string?.contains("crawl_web") == true)
            let missing = try await api.post("/mcp/get_job_status", ["job_id": "x"])
            #expect(missing.status == 404 && missing.problem == "unknown-job" && missing.json["instance"] == "/mcp/get_job_status")
        }
    }

    @Test func aRepeatedKeySubmitsOneJob() async throws {
        try await withAPI(MCP.tools) { api in
            let arguments: JSONValue = ["kind": "note", "input": ["text": "t"], "idempotency_key": "k-1"]
            let first = try await api.tool("submit_job", arguments)
            let second = try await api.tool("submit_job", arguments)
            #expect(first["structuredContent"]?["job_id"] == second["structuredContent"]?["job_id"])
            #expect(second.said.contains("nothing new was submitted"))
            // In the words of clients of model queues, side by side.
            let flat = try await api.tool("submitJob", ["jobType": "note", "text": "u", "jobName": "a note", "agent": "me"])
            let id = try #require(flat["structuredContent"]?["jobId"]?.string)
            let job = try await api.get("/jobs/\(id)").json
            #expect(job["title"] == "a note" && job["metadata"] == ["agent": "me"])
            let wrong = try await api.tool("submit_job", ["kind": "note", "txt": "u"])
            #expect(wrong.said.contains("- txt: is neither an option nor a field of note; did you mean text?"))
        }
    }

    @Test func progressIsToldUntilTheEnd() async throws {
        try await withAPI(MCP.tools) { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/mcp/note", ["text": "t"]).jobID)
            let connection = try await waiting(api, id, seconds: 30)
            let claim = try await worker.startNext()
            for percent in [20.0, 60.0] { try await worker.progress(percent, of: claim) }
            try await worker.finish(claim, as: .completed(["text": "done"]))
            var told: [Double] = []
            while let message = try await connection.message() {
                if let result = message["result"] {
                    #expect(result["structuredContent"]?["result"] == ["text": "done"] && message["id"] == 1)
                    break
                }
                #expect(message["params"]?["progressToken"] == "t")
                told.append(message["params"]?["progress"]?.number ?? -1)
            }
            #expect(told.first == 0 && told.last == 100 && told.contains(20) && told.contains(60))
            #expect(zip(told, told.dropFirst()).allSatisfy { $0 < $1 })
            #expect(try await connection.message() == nil)
        }
    }

    @Test func whoClosesTheStreamStopsTheWaitingAndNotTheJob() async throws {
        try await withAPI {
            MCP.tools(&$0)
            $0.maxEventStreams = 1
        } _: { (api) async throws in
            let id = try #require(try await api.post("/mcp/note", ["text": "t"]).jobID)
            let connection = try await waiting(api, id, seconds: 300)
            #expect(try await connection.message()?["method"] == "notifications/progress")
            // The one place is taken as soon as it waits, and free when the client has gone.
            try await eventually { try await api.get("/jobs/\(id)/events").status == 503 }
            try await connection.raw.close()
            try await eventually {
                let other = try await RawConnection.open(api.port)
                try await other.send(RunningAPI.head("GET", "/jobs/\(id)/events"))
                let status = try await other.head().status
                try await other.close()
                return status == 200
            }
            #expect(try await api.get("/jobs/\(id)").json["status"] == "queued")
        }
    }

    @Test func aStreamOfMessagesBeatsWhileAToolWaits() async throws {
        try await withAPI {
            MCP.tools(&$0)
            $0.connection.heartbeat = .milliseconds(50)
        } _: { (api) async throws in
            let id = try #require(try await api.post("/mcp/note", ["text": "t"]).jobID)
            let connection = try await waiting(api, id, seconds: 300)
            for _ in 0..<3 {
                while try await connection.raw.chunk() != Array(": heartbeat\n".utf8) {}
            }
            try await connection.raw.close()
        }
    }

    @Test func aToolWaitsToTheEndAlsoWithoutAPlaceAmongTheStreams() async throws {
        try await withAPI {
            MCP.tools(&$0)
            $0.maxEventStreams = 1
        } _: { (api) async throws in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/mcp/note", ["text": "t"]).jobID)
            let watcher = try await EventStreamTests.Stream(api, id)
            let connection = try await waiting(api, id, seconds: 30)
            #expect(try await connection.message()?["method"] == "notifications/progress")
            try await worker.finish(try await worker.startNext(), as: .completed(["text": "done"]))
            var last: JSONValue?
            while let message = try await connection.message() { last = message }
            #expect(last?["result"]?["structuredContent"]?["result"] == ["text": "done"])
            #expect(try await watcher.rest().last?.name == "completed")
        }
    }

    @Test func estimatesAreThoseOfTheExamples() async throws {
        try await withAPI(catalogue: JobCatalogue(EveryKind.kinds), MCP.tools) { api in
            let query = try await api.tool("query-models", ["question": "What are the best practices for designing scalable APIs?"])
            let id = query["structuredContent"]?["job_id"]?.string ?? ""
            #expect(query.said.hasPrefix("Query queued for processing\n\nJob ID: \(id)\nStatus: Pending\nEstimated Time: ~30.0s\n"))
            for (steps, seconds) in [(7, "42.0"), (8, "48.0")] {
                let thinking = try await api.tool("analyze-with-thinking", ["question": "q", "num_thinking_steps": .integer(Int64(steps))])
                #expect(thinking.said.contains("Status: Pending\nEstimated Time: ~\(seconds)s\n"))
            }
        }
    }

    @Test func aTaskIsTheJob() async throws {
        try await withAPI(MCP.tools) { api in
            let worker = try await HandWorker(api)
            let made = try await api.modern(
                "tools/call", ["name": "note", "arguments": ["text": "t"]], name: "note", capabilities: MCP.tasks
            ).json["result"]
            let id = try #require(made?["taskId"]?.string)
            #expect(made?["resultType"] == "task" && made?["status"] == "working" && made?["ttlMs"] == .null)
            // A tool that submits nothing answers as ever.
            let list = try await api.modern("tools/call", ["name": "list_jobs"], name: "list_jobs", capabilities: MCP.tasks)
            #expect(list.json["result"]?["resultType"] == "complete")
            let task = { (method: String) in try await api.modern(method, ["taskId": .string(id)], name: id, capabilities: MCP.tasks).json }
            #expect(try await task("tasks/get")["result"]?["status"] == "working")
            #expect(try await task("tasks/update")["result"]?["resultType"] == "complete")
            let claim = try await worker.startNext()
            try await worker.finish(claim, as: .failed(.permanent("no ink", type: "ink")))
            let ended = try await task("tasks/get")["result"]
            #expect(ended?["status"] == "completed" && ended?["result"]?["isError"] == true)
            #expect(ended?["result"]?.said.hasPrefix("❌ Job failed with error: no ink") == true)
            // A second cancel, and one that comes late, are acknowledged.
            for _ in 0..<2 { #expect(try await task("tasks/cancel")["result"]?["resultType"] == "complete") }
            let other = try #require(try await api.post("/mcp/note", ["text": "u"]).jobID?.description)
            _ = try await api.modern("tasks/cancel", ["taskId": .string(other)], name: other, capabilities: MCP.tasks)
            let gone = try await api.modern("tasks/get", ["taskId": .string(other)], name: other, capabilities: MCP.tasks)
            #expect(gone.json["result"]?["status"] == "cancelled")
        }
    }

    /// A stream of messages, opened by a call that waits for a job.
    private func waiting(_ api: RunningAPI, _ id: JobID, seconds: Int) async throws -> MessageStream {
        let connection = try await RawConnection.open(api.port)
        let arguments: JSONValue = ["job_id": .string(id.description), "wait_seconds": .integer(Int64(seconds))]
        let body = MCP.call("get_job_result", arguments, meta: MCP.meta(capabilities: [:], ["progressToken": "t"])).bytes
        let headers = MCP.headers("tools/call", name: "get_job_result").merging(["Content-Type": "application/json"]) { $1 }
        try await connection.send(Array(RunningAPI.head("POST", "/mcp", headers, length: body.count).utf8) + body)
        let head = try await connection.head()
        #expect(head.status == 200 && head.headers["content-type"] == "text/event-stream" && head.headers["x-accel-buffering"] == "no")
        return MessageStream(connection)
    }
}

/// Messages of a stream, one after the other.
private final class MessageStream {
    let raw: RawConnection
    private var text = ""

    init(_ raw: RawConnection) { self.raw = raw }

    func message() async throws -> JSONValue? {
        while true {
            if let end = text.firstRange(of: "\n\n") {
                let block = text[..<end.lowerBound]
                text.removeSubrange(..<end.upperBound)
                guard let data = block.split(separator: "\n").first(where: { $0.hasPrefix("data: ") }) else { continue }
                return try JSONReader.read(String(data.dropFirst(6)), depth: 256)
            }
            guard let chunk = try await raw.chunk() else { return nil }
            text += String(decoding: chunk, as: UTF8.self)
        }
    }
}
