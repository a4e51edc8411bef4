import FoundationEssentials
import JobModel
import TestServers
import Testing

@testable import JobAPI

/// A byte now and then extends no deadline. The limits are short here; what is tested is that they are absolute.
@Suite(.timeLimit(.minutes(1))) struct SlowClientTests {
    private func short(_ settings: inout JobServerSettings) {
        settings.connection.head = .seconds(3)
        settings.connection.bodyGrace = .seconds(3)
        settings.connection.keepAlive = .milliseconds(600)
    }

    /// Sends `start`, then one byte at a time until the server closes; returns how long it took.
    private func drip(_ api: RunningAPI, _ start: String) async throws -> Duration {
        let connection = try await RawConnection.open(api.port)
        let clock = ContinuousClock()
        let began = clock.now
        try await connection.send(start)
        await connection.dripUntilClosed()
        return clock.now - began
    }

    @Test func threeHundredDrippingConnectionsAreCutOffWhileOthersAreServed() async throws {
        try await withAPI {
            short(&$0)
        } _: { api in
            let body = RunningAPI.head("POST", "/jobs", ["Content-Type": "application/json"], length: 10_000) + "{"
            try await withThrowingTaskGroup(of: Duration.self) { group in
                for index in 0..<300 {
                    group.addTask { try await drip(api, index.isMultiple(of: 2) ? "GET /livez HTTP/1.1\r\nX-A: " : body) }
                }
                for _ in 0..<20 { #expect(try await api.get("/livez").status == 200) }
                for try await duration in group { #expect(duration < .seconds(20)) }
            }
            #expect(try await api.post("/jobs", RunningAPI.crawl).status == 202)
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        try await withAPI {
            short(&$0)
        } _: { api in
            let connection = try await RawConnection.open(api.port)
            try await connection.send(RunningAPI.head("GET", "/livez"))
            #expect(try await connection.head().status == 200)
            await connection.waitForClose()
        }
    }

    /// To listen whether its client is there, a claim that waits takes the connection: what was sent behind it is not heard.
    @Test func aConnectionEndsBehindAClaimThatWaited() async throws {
        try await withAPI {
            $0.connection.discard = .milliseconds(300)
        } _: { api in
            #expect(try await api.post("/kinds", ["kinds": [["kind": "by_hand", "summary": "s"]]]).status == 200)
            let connection = try await RawConnection.open(api.port)
            func claim(waiting seconds: Int) async throws -> (status: Int, headers: [String: String]) {
                let body = #"{"worker":"w","kinds":["by_hand"],"wait":\#(seconds)}"#
                try await connection.send(
                    RunningAPI.head("POST", "/work/claim", ["Content-Type": "application/json"], length: body.utf8.count) + body)
                if seconds > 0 { try await connection.send(RunningAPI.head("GET", "/livez")) }
                let head = try await connection.head()
                _ = try await connection.body(head.headers)
                return head
            }
            let short = try await claim(waiting: 0)
            #expect(short.status == 200 && short.headers["connection"] != "close")
            let long = try await claim(waiting: 1)
            #expect(long.status == 200 && long.headers["connection"] == "close")
            await connection.waitForClose()
        }
    }

    @Test func aBodyThatKeepsItsPaceMayTakeLonger() async throws {
        try await withAPI { settings in
            settings.connection.bodyGrace = .milliseconds(200)
            settings.connection.bodyBytesPerSecond = 10
        } _: { api in
            let connection = try await RawConnection.open(api.port)
            let body = Array(RunningAPI.crawl.serialized.utf8) + [UInt8](repeating: 0x20, count: 400)
            try await connection.send(RunningAPI.head("POST", "/jobs", ["Content-Type": "application/json"], length: body.count))
            try await connection.send(Array(body.dropLast()))
            try await connection.pause(.milliseconds(1500))
            try await connection.send([0x20])
            #expect(try await connection.head().status == 202)
        }
    }

    @Test func aClientThatDoesNotReadItsAnswerIsCutOff() async throws {
        let folder = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(folder) }
        let size = 64 << 20
        try Data(count: size).write(to: URL(filePath: folder + "/large.bin"))
        try await withAPI { settings in
            settings.siteDirectory = folder
            settings.connection.stalledWrite = .milliseconds(300)
        } _: { api in
            let connection = try await RawConnection.open(api.port, reading: false)
            try await connection.send(RunningAPI.head("GET", "/site/large.bin"))
            try await connection.pause(.milliseconds(1500))
            try await connection.readOn()
            let arrived = await connection.waitForClose()
            #expect(arrived > 0 && arrived < size)
        }
    }

    @Test func anEventStreamIsNotIdle() async throws {
        try await withAPI { settings in
            short(&settings)
            settings.connection.heartbeat = .milliseconds(300)
        } _: { api in
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            let stream = try await EventStreamTests.Stream(api, id)
            _ = try await stream.event()
            for _ in 0..<5 { #expect(try await stream.line() == ": heartbeat") }
        }
    }

    @Test func connectionsAreBounded() async throws {
        try await withAPI {
            $0.maxConnections = 2
        } _: { api in
            let first = try await RawConnection.open(api.port)
            let second = try await RawConnection.open(api.port)
            for connection in [first, second] {
                try await connection.send(RunningAPI.head("GET", "/livez"))
                #expect(try await connection.head().status == 200)
            }
            async let third = api.get("/livez")
            try await first.close()
            #expect(try await third.status == 200)
        }
    }
}
