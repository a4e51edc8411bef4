import FoundationEssentials
import Glibc
import JobModel
import PostgresWire
import RedisWire
import Synchronization
import TestServers
import Testing

/// Chats of many jobs at three model servers with three permits each, while workers die: every job is answered, and no server is ever asked more
/// than three things at once. The kind is the real one; the servers are stand-ins that count.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ModelFaultTests {
    private static let permits = 3
    private static let jobs = 200

    @Test func noServerGetsMoreThanItsPermitsAlsoWhenWorkersDie() async throws {
        let kills = Kills()
        let standIns = (1...3).map { number in
            var model = StandInModel("m\(number)")
            model.pace = .milliseconds(20)
            return StandInOllama([model]) { moment in
                if case .asked = moment { kills.countRequest() }
            }
        }
        let servers = try await Self.serve(standIns)
        let fleet = try await Fleet.start(
            apis: 1, workers: 4, slots: 12, lease: .milliseconds(1500),
            more: ["FAULT_MODELS": servers.map(\.url).joined(separator: ","), "FAULT_PERMITS": "\(Self.permits)"])
        let outcome = await Result {
            let door = Door(fleet.apis, book: Book())
            for number in 0..<Self.jobs { _ = try await door.insist("POST", "/jobs", Self.chat(number)) }
            // Twice in the middle, a worker that holds permits.
            for (request, victim) in [(40, 0), (110, 1)] {
                await kills.wait(for: request)
                if let process = fleet.workers[victim].processID { kill(process, SIGKILL) }
            }
            try await eventually(within: .seconds(120)) {
                try await fleet.database.query("SELECT count(*) AS n FROM jobs WHERE status = 'completed'").first?.int("n")
                    == Int64(Self.jobs)
            }
            let again = try await fleet.database.query("SELECT count(*) AS n FROM job_attempts WHERE attempt > 1").first?.int("n") ?? 0
            #expect(again > 0, "nobody was killed at work")
            Trial.tell("\(again) attempts were second ones; at once: \(standIns.map(\.gauge.mostAtOnce))")
            // What the dead held has come back, and nobody waits.
            try await eventually(within: .seconds(20)) {
                try await fleet.redis.command(["EXISTS", "permits"]).integer == 0
            }
            try await fleet.waitForSuspectsToLeave()
        }
        for standIn in standIns {
            // All of them were needed.
            #expect(standIn.gauge.mostAtOnce == Self.permits)
        }
        let orphans = await fleet.close()
        for server in servers { await server.stop() }
        #expect(orphans.isEmpty, "processes outlived their fleet")
        try outcome.get()
    }

    private static func serve(_ standIns: [StandInOllama]) async throws -> [StubHTTPServer] {
        var servers: [StubHTTPServer] = []
        for standIn in standIns { servers.append(try await StubHTTPServer { await standIn.answer($0) }) }
        return servers
    }

    private static func chat(_ number: Int) -> JSONValue {
        [
            "kind": "chat", "max_attempts": 10,
            "input": [
                "model": .string("m\(number % 3 + 1)"), "cache": "off",
                "messages": [["role": "user", "content": .string("job \(number) asks for some words")]],
            ],
        ]
    }
}

/// Counts requests, so that a test can strike at one of them.
private final class Kills: Sendable {
    private let (counted, count) = AsyncStream<Int>.makeStream()
    private let requests = Mutex(0)

    func countRequest() {
        count.yield(
            requests.withLock { requests in
                requests += 1
                return requests
            })
    }

    func wait(for request: Int) async {
        for await number in counted where number >= request { return }
    }
}
