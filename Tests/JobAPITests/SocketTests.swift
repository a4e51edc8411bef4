import JobDesk
import JobModel
import JobQueue
import PrivateServers
import RedisWire
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    private func types(_ messages: [JSONValue]) -> [String] { messages.compactMap { $0["type"]?.string } }
    private func numbers(_ messages: [JSONValue]) -> [Int] {
        messages.filter { $0["type"] != "ended" && $0["type"] != "watching" }.compactMap { $0["seq"]?.integer }
    }

    @Test func aWatcherSeesEveryEventInTheMessagesOfTheSeeds() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let socket = try await SocketClient(api)
            #expect(socket.head.status == 101)
            // RFC 6455's own example.
            #expect(socket.head.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            try await socket.send(["type": "watch", "jobId": .string(id.description)])
            #expect(try await socket.message()["type"] == "watching")
            #expect(try await socket.message()["event"] == "queued")
            let claim = try await worker.startNext()
            #expect(try await socket.message()["status"] == "processing")
            try await worker.progress(50, of: claim)
            let progress = try await socket.message()
            #expect(progress["type"] == "progress")
            #expect(progress["job_id"] == .string(id.description))
            #expect(progress["seq"] == 3)
            #expect(progress["data"]?["progress"] == 50)
            try await worker.finish(claim, as: .completed(["pages_crawled": 5]))
            let end = try await socket.messages(upTo: "ended")
            #expect(types(end) == ["status", "ended"])
            #expect(end[0]["status"] == "completed")
            #expect(end[0]["result_data"] == ["pages_crawled": 5])
            #expect(end[1]["seq"] == 4)
        }
    }

    @Test func aWatcherThatComesBackGetsWhatItMissedAndNothingTwice() async throws {
        try await withAPI { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            for percent in [10.0, 20, 30] { try await worker.progress(percent, of: claim) }
            let socket = try await SocketClient(api)
            try await socket.watch(id, after: 3)
            #expect(try await socket.message()["type"] == "watching")
            #expect(try await socket.message()["seq"] == 4)
            try await worker.finish(claim, as: .failed(.permanent("no", type: "test")))
            let rest = try await socket.messages(upTo: "ended")
            #expect(numbers(rest) == [5, 6])
            #expect(rest.dropLast().last?["error_message"] == "no")
            try await socket.watch(id, after: 6)
            #expect(types(try await socket.messages(upTo: "ended")) == ["watching", "ended"])
        }
    }

    @Test func oneConnectionFollowsManyJobsAndLetsGoOfSome() async throws {
        try await withAPI { settings in
            settings.connection.socket.watches = 2
        } _: { api in
            let worker = try await HandWorker(api)
            var ids: [JobID] = []
            for _ in 0..<3 { ids.append(try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)) }
            let socket = try await SocketClient(api)
            for id in ids.prefix(2) {
                try await socket.watch(id)
                #expect(types([try await socket.message(), try await socket.message()]) == ["watching", "status"])
            }
            try await socket.watch(ids[2])
            #expect(try await socket.message()["code"] == "too-many-watches")
            try await socket.watch(ids[0])
            #expect(try await socket.message()["code"] == "already-watching")
            try await socket.send(["type": "unwatch", "job_id": .string(ids[0].description)])
            #expect(try await socket.message()["type"] == "unwatched")
            try await socket.send(["type": "unwatch", "job_id": .string(ids[0].description)])
            #expect(try await socket.message()["code"] == "not-watching")
            try await worker.finish(try await worker.startNext(), as: .completed([:]))
            try await worker.finish(try await worker.startNext(), as: .completed([:]))
            let rest = try await socket.messages(upTo: "ended")
            #expect(Set(rest.map { $0["job_id"]?.string }) == [ids[1].description])
            #expect(numbers(rest) == [2, 3])
        }
    }

    @Test func aMessageThatIsWrongIsAnsweredAndEndsNothing() async throws {
        try await withAPI { api in
            let socket = try await SocketClient(api)
            let wrong: [(JSONValue, JSONValue)] = [
                ([1], "invalid-message"), (["type": "dance"], "unknown-type"), (["type": "watch"], "invalid-message"),
                (["type": "watch", "job_id": "x"], "unknown-job"),
                (["type": "watch", "job_id": .string(JobID().description)], "unknown-job"),
                (["type": "watch", "job_id": .string(JobID().description), "after": -1], "invalid-message"),
                (["type": "watch", "job_id": .string(JobID().description), "after": .integer(.max)], "invalid-message"),
            ]
            for (message, code) in wrong {
                try await socket.send(message)
                #expect(try await socket.message()["code"] == code)
            }
            try await socket.send(0x81, Array("{".utf8))
            #expect(try await socket.message()["code"] == "invalid-message")
            try await socket.send(["type": "ping", "id": 7])
            #expect(try await socket.message() == ["type": "pong", "id": 7])
            try await socket.send(0x89, [1, 2])
            #expect(try await socket.frame() == .pong)
            try await socket.send(0x88, [3, 232])
            #expect(try await socket.frame() == .close(1000))
            #expect(try await socket.frame() == nil)
        }
    }

    @Test(
        arguments: [
            (0x82, 4, true, 1003), (0x81, 20_000, true, 1009), (0x81, 4, false, 1002), (0xc1, 4, true, 1002), (0x83, 0, true, 1002),
            (0x09, 0, true, 1002), (0x80, 4, true, 1002), (0x88, 1, true, 1002),
        ] as [(UInt8, Int, Bool, UInt16)])
    func framesThatMayNotBeCloseTheConnection(first: UInt8, length: Int, masked: Bool, code: UInt16) async throws {
        try await withAPI { api in
            let socket = try await SocketClient(api)
            try await socket.send(first, [UInt8](repeating: 0x20, count: length), masked: masked)
            #expect(try await socket.closeCode() == code)
        }
    }

    @Test func fragmentsAreOneMessageAndTextIsUTF8() async throws {
        try await withAPI { api in
            let socket = try await SocketClient(api)
            try await socket.send(0x01, Array("{\"type\":".utf8))
            try await socket.send(0x89, [])
            try await socket.send(0x80, Array("\"ping\"}".utf8))
            #expect(try await socket.frame() == .pong)
            #expect(try await socket.message() == ["type": "pong"])
            try await socket.send(0x81, [0xff])
            #expect(try await socket.closeCode() == 1007)
        }
    }

    @Test func tooManyMessagesEndTheConnection() async throws {
        try await withAPI { settings in
            settings.connection.socket.messagesPerSecond = 0
            settings.connection.socket.messageBurst = 3
        } _: { api in
            let socket = try await SocketClient(api)
            for _ in 0..<4 { try await socket.send(["type": "ping"]) }
            #expect(try await socket.closeCode() == 1008)
        }
    }

    @Test func aFragmentCountsAsAMessageAndBringsSomething() async throws {
        try await withAPI { settings in
            settings.connection.socket.messagesPerSecond = 0
            settings.connection.socket.messageBurst = 3
        } _: { api in
            let socket = try await SocketClient(api)
            try await socket.send(0x01, Array("{".utf8))
            for _ in 0..<3 { try await socket.send(0x00, [0x20]) }
            #expect(try await socket.closeCode() == 1008)
            let other = try await SocketClient(api)
            try await other.send(0x01, [])
            #expect(try await other.closeCode() == 1008)
        }
    }

    @Test func aQuietClientIsPingedAndOneThatIsGoneIsLetGo() async throws {
        try await withAPI { settings in
            settings.connection.socket.ping = .seconds(1)
        } _: { api in
            let socket = try await SocketClient(api)
            for _ in 0..<3 {
                #expect(try await socket.frame() == .ping)
                try await socket.send(0x8a, [])
            }
            #expect(try await socket.frame() == .ping)
            #expect(try await socket.frame() == nil)
        }
    }

    @Test func aClientThatDoesNotReadIsDropped() async throws {
        try await withAPI { settings in
            settings.connection.stalledWrite = .milliseconds(500)
            settings.connection.socket.closing = .seconds(40)
        } _: { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await HandWorker(api).startNext()
            let socket = try await SocketClient(api, reading: false)
            try await socket.watch(id)
            try await eventually { api.desk.queue.watchedJobs == 1 }
            // More than every buffer on the way holds.
            try await log(count: 64, bytes: 128 << 10, of: claim, api)
            try await socket.pause(.seconds(3))
            // It learns why when it reads on.
            #expect(try await socket.wasDropped())
        }
    }

    /// Much at once is no sign of a slow reader: it is written as fast as it is read.
    @Test func aClientThatReadsGetsHoweverMuchThereIs() async throws {
        try await withAPI { settings in
            settings.connection.socket.backlogBytes = 64 << 10
        } _: { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            try await log(count: 80, bytes: 32 << 10, of: claim, api)
            try await worker.beat()
            try await worker.finish(claim, as: .completed([:]))
            let socket = try await SocketClient(api)
            try await socket.watch(id)
            #expect(numbers(try await socket.messages(upTo: "ended")) == Array(1...83))
            let stream = try await EventStreamTests.Stream(api, path: "/events?topics=job:\(id)")
            #expect(try await stream.rest().compactMap { $0.json["seq"]?.integer } == Array(1...83))
        }
    }

    private func log(count: Int, bytes: Int, of claim: Claim, _ api: RunningAPI) async throws {
        let event = JobEvent(.log, ["message": .string(String(repeating: "x", count: bytes))])
        for _ in 0..<count { _ = try await api.desk.queue.report(event, progress: nil, of: claim) }
    }

    @Test func theServerSaysGoodbye() async throws {
        try await withAPI { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let socket = try await SocketClient(api)
            try await socket.watch(id)
            _ = try await socket.message()
            await api.shutDown()
            #expect(try await socket.closeCode() == 1001)
        }
    }

    @Test func socketsTakePlacesAndGiveThemBack() async throws {
        try await withAPI { settings in
            settings.maxEventStreams = 1
        } _: { api in
            let socket = try await SocketClient(api)
            #expect(socket.head.status == 101)
            #expect(try await SocketClient(api).head.status == 503)
            try await socket.leave()
            try await eventually { try await SocketClient(api).head.status == 101 }
        }
    }

    @Test(
        arguments: [
            (["Upgrade": "h2c"], 426), (["Sec-WebSocket-Version": "8"], 426), (["Sec-WebSocket-Key": "short"], 400),
            (["Origin": "http://evil.example"], 403), (["Origin": "null"], 403), (["Host": "evil.example"], 421),
            (["Origin": "http://localhost"], 101),
        ] as [([String: String], Int)])
    func aHandshakeIsLookedAtBeforeItIsAnswered(headers: [String: String], status: Int) async throws {
        try await withAPI { api in
            #expect(try await SocketClient(api, headers).head.status == status)
            let plain = try await api.get("/ws")
            #expect(plain.status == 426)
            #expect(plain.problem == "upgrade-required")
            #expect(plain.headers["upgrade"] == "websocket")
        }
    }

    /// Behind such a request nothing more is read of the connection: the client must hear of it, or it waits for its next answer in vain.
    @Test func aRequestForAnotherProtocolIsAnsweredAndTheLast() async throws {
        try await withAPI { api in
            let connection = try await RawConnection.open(api.port)
            try await connection.send(
                RunningAPI.head("GET", "/livez", ["Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"]))
            let head = try await connection.head()
            #expect(head.status == 200)
            #expect(head.headers["connection"] == "close")
            _ = try await connection.body(head.headers)
            #expect(await connection.waitForClose() == 0)
        }
    }

    @Test func aLossOfTheConnectionToRedisLosesNoNumber() async throws {
        let redis = try await TestRedis.own()
        let knife = RedisConnection(try RedisAddress(url: redis.url), logger: quiet)
        try await withAPI(redis: redis) { api in
            let worker = try await HandWorker(api)
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let claim = try await worker.startNext()
            let sockets = [try await SocketClient(api), try await SocketClient(api)]
            for socket in sockets { try await socket.watch(id) }
            for number in 0..<40 {
                if number.isMultiple(of: 10) { _ = try await knife.command(["CLIENT", "KILL", "TYPE", "pubsub"]) }
                try await worker.progress(Double(number), of: claim)
            }
            try await worker.finish(claim, as: .completed([:]))
            for socket in sockets {
                #expect(numbers(try await socket.messages(upTo: "ended")) == Array(1...43))
            }
        }
        await knife.close()
    }
}
