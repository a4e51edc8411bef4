import JobDesk
import JobLedger
import JobModel
import JobQueue
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct EventStreamTests {
    /// One dispatched event as a browser would see it.
    struct Event: Equatable {
        var id: String?
        var name = "message"
        var data = ""
        var json: JSONValue { (try? JSONReader.read(data, depth: 256)) ?? .null }
    }

    /// Reads a stream line by line and block by block. A block without data fails the test: there are clients that take it for an event.
    final class Stream {
        let head: (status: Int, headers: [String: String])
        private let connection: RawConnection
        private var text = ""

        convenience init(_ api: RunningAPI, _ id: JobID, _ headers: [String: String] = [:], query: String = "") async throws {
            try await self.init(api, path: "/jobs/\(id)/events\(query)", headers)
        }

        init(_ api: RunningAPI, path: String, _ headers: [String: String] = [:]) async throws {
            connection = try await RawConnection.open(api.port)
            try await connection.send(RunningAPI.head("GET", path, headers))
            head = try await connection.head()
        }

        func line() async throws -> String? {
            while true {
                if let end = text.firstIndex(of: "\n") {
                    defer { text.removeSubrange(...end) }
                    return String(text[..<end])
                }
                guard let chunk = try await connection.chunk() else { return nil }
                text += String(decoding: chunk, as: UTF8.self)
            }
        }

        func event() async throws -> Event? {
            var event = Event()
            while let line = try await line() {
                if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
                if line.isEmpty {
                    #expect(!event.data.isEmpty, "a block without data")
                    return event
                }
            }
            return nil
        }

        func rest() async throws -> [Event] {
            var events: [Event] = []
            while let event = try await event() { events.append(event) }
            return events
        }

        func leave() async throws { try await connection.close() }
    }

    @Test func aWatcherSeesEveryEventUntilTheEnd() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let stream = try await Stream(api, id)
            #expect(stream.head.status == 200)
            #expect(stream.head.headers["content-type"] == "text/event-stream")
            #expect(stream.head.headers["cache-control"] == "no-store")
            #expect(stream.head.headers["x-accel-buffering"] == "no")
            #expect(try await stream.line() == "retry: 2000")
            #expect(try await stream.event()?.name == "queued")
            let claim = try await worker.startNext()
            #expect(try await stream.event()?.name == "started")
            try await worker.progress(50, of: claim)
            let progress = try await stream.event()
            #expect(progress?.id == "3")
            #expect(progress?.json["progress"] == 50)
            #expect(progress?.json["event"] == "progress")
            try await worker.finish(claim, as: .completed(["pages_crawled": 5]))
            let end = try await stream.rest()
            #expect(end.map(\.name) == ["completed"])
            #expect(end.last?.json["result"] == ["pages_crawled": 5])
        }
    }

    @Test(arguments: ["header", "query"])
    func aWatcherThatReconnectsMissesNothing(way: String) async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            for percent in [10.0, 20, 30] { try await worker.progress(percent, of: claim) }
            let headers = way == "header" ? ["Last-Event-ID": "3"] : [:]
            let stream = try await Stream(api, id, headers, query: way == "query" ? "?last_event_id=3" : "")
            #expect(try await stream.event()?.id == "4")
            #expect(try await stream.event()?.id == "5")
            try await worker.finish(claim, as: .failed(.permanent("no", type: "test")))
            let end = try await stream.rest()
            #expect(end.map(\.id) == ["6"])
            #expect(end.last?.json["error"] == "no")
        }
    }

    @Test func aWatcherThatHasSeenTheEndIsToldToStayAway() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            try await worker.finish(try await worker.startNext(), as: .completed([:]))
            let last = try #require(try await Stream(api, id).rest().last?.id)
            #expect(try await Stream(api, id, ["Last-Event-ID": last]).head.status == 204)
            #expect(try await Stream(api, id, ["Last-Event-ID": "1"]).rest().map(\.name) == ["started", "completed"])
        }
    }

    @Test func aJobThatOnlySQLRemembersHasItsEnd() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            try await worker.finish(try await worker.startNext(), as: .completed(["n": 1]))
            try await api.forget(id)
            let events = try await Stream(api, id, ["Last-Event-ID": "2"]).rest()
            #expect(events.map(\.name) == ["completed"])
            #expect(events.last?.json["result"] == ["n": 1])
            #expect(try await Stream(api, id, ["Last-Event-ID": events.last?.id ?? ""]).head.status == 204)
        }
    }

    @Test func anIDThatIsNoNumberIsRefused() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            #expect(try await Stream(api, id, ["Last-Event-ID": "-1"]).head.status == 400)
            #expect(try await Stream(api, id, ["Last-Event-ID": "9223372036854775807"]).head.status == 400)
        }
    }

    /// The row has ended, Redis has not heard of it: whoever comes back in between is no newcomer, and stays until the end is told.
    @Test func aWatcherThatComesBackBetweenTheRowAndRedisIsToldTheEnd() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            let ledger = JobLedger(api.pool, logger: quiet)
            _ = try await ledger.record(.completed([:]), of: claim, at: .now, saying: nil)
            let streams = [
                try await Stream(api, id, ["Last-Event-ID": "1"]), try await Stream(api, id, ["Last-Event-ID": "2"]),
                try await Stream(api, path: "/events?topics=job:\(id)", ["Last-Event-ID": Topics(id, at: 1).id]),
                try await Stream(api, path: "/events?topics=job:\(id)@2"),
            ]
            #expect(streams.map(\.head.status) == [200, 200, 200, 200])
            let socket = try await SocketClient(api)
            try await socket.watch(id, after: 2)
            #expect(try await socket.message()["seq"] == 3)
            _ = try await api.desk.queue.settle(claim, as: .completed([:]))
            var told: [[String]] = []
            for stream in streams { told.append(try await stream.rest().map(\.name)) }
            #expect(told == [["started", "completed"], ["completed"], ["started", "completed", "end"], ["completed", "end"]])
            #expect(try await socket.messages(upTo: "ended").map { $0["seq"]?.integer } == [3, 3])
            #expect(try await Stream(api, id, ["Last-Event-ID": "3"]).head.status == 204)
        }
    }

    @Test func aQuietStreamBeats() async throws {
        try await withAPI { settings in
            settings.connection.heartbeat = .milliseconds(50)
        } _: { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let stream = try await Stream(api, id)
            #expect(try await stream.event()?.name == "queued")
            for _ in 0..<3 { #expect(try await stream.line() == ": heartbeat") }
        }
    }

    @Test func aStreamEndsWithTheServer() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let stream = try await Stream(api, id)
            #expect(try await stream.event()?.name == "queued")
            await api.shutDown()
            #expect(try await stream.rest() == [])
        }
    }

    @Test func streamsAreBoundedAndAClientThatGoesGivesItsPlaceBack() async throws {
        try await withAPI { settings in
            settings.maxEventStreams = 1
        } _: { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let stream = try await Stream(api, id)
            _ = try await stream.event()
            let refused = try await api.get("/jobs/\(id)/events")
            #expect(refused.status == 503)
            #expect(refused.problem == "too-many-streams")
            #expect(refused.headers["retry-after"] != nil)
            try await stream.leave()
            try await eventually { try await Stream(api, id).head.status == 200 }
        }
    }
}
