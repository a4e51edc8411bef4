import FoundationEssentials
import Glibc
import JobDesk
import JobModel
import JobQueue
import PrivateServers
import Synchronization
import TestServers
import Testing

@testable import TidewheelWorker

/// A program of another package in a process of its own, and what becomes of its jobs when it is sent away.
@Suite(.timeLimit(.minutes(1))) struct DepartureTests {
    @Test func aSignalHandsBackWhatRuns() async throws {
        try await Stage.run([]) { (stage) async throws in
            let guest = try Guest(stage.options)
            let id = try await stage.submit([:], kind: "linger")
            try await eventually { try await stage.desk.read(id).progress == 10 }
            guest.process.signal(SIGTERM)
            guard case .exited(0) = await guest.process.exit() else { throw Trip() }
            let job = try await stage.desk.read(id)
            #expect(job.state == .queued && job.uncharged == 1, "handed back, and not charged")
            #expect(try await stage.desk.queue.workers().allSatisfy { !$0.queues.contains("lobby") }, "it left, it did not die")
        }
    }

    /// Nothing to register with, and nothing to wait for.
    @Test func aSignalEndsTheWaitForStores() async throws {
        try await Stage.run([]) { (stage) async throws in
            var options = stage.options
            options.databaseURL = "postgresql://nobody@127.0.0.1:1/none"
            let guest = try Guest(options)
            try await eventually { guest.said("Waiting for PostgreSQL") }
            guest.process.signal(SIGTERM)
            guard case .exited(0) = await guest.process.exit() else { throw Trip() }
        }
    }
}

/// A running `GuestWorker`; it ends with the test.
final class Guest: Sendable {
    let process: ChildProcess
    private let lines: Lines

    private final class Lines: Sendable {
        let list = Mutex<[String]>([])
    }

    init(_ options: WorkerOptions) throws {
        var order = ChildOrder(try Guest.program())
        order.environment = [
            "REDIS_URL": options.redisURL, "DATABASE_URL": options.databaseURL, "TIDEWHEEL_KEY_PREFIX": options.keyPrefix,
            "TIDEWHEEL_DRAIN_SECONDS": String(options.drainSeconds), "TIDEWHEEL_LOG_LEVEL": "warning",
        ]
        let lines = Lines()
        self.lines = lines
        process = try ChildProcess(order, onLine: { line in lines.list.withLock { $0.append(line) } })
    }

    deinit { process.kill() }

    func said(_ words: String) -> Bool { lines.list.withLock { $0.contains { $0.contains(words) } } }

    /// Built together with these tests, beside them.
    private static func program() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let bundle = try #require((CommandLine.arguments + [own]).first { $0.contains(".xctest") })
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).prefix { !$0.hasSuffix(".xctest") }
        return directory.joined(separator: "/") + "/GuestWorker"
    }
}
