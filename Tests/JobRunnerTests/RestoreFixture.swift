import FoundationEssentials
import Glibc
import JobDesk
import JobLedger
import JobModel
import JobQueue
import JobRunner
import PostgresWire
import PrivateServers
import Synchronization
import TestServers
import Testing

/// An installation of which copies are taken while it works, and which goes on from them: with the scripts that operators have.
final class RestoreFixture: Sendable {
    let postgres: PrivatePostgres
    let redis: PrivateRedis
    /// Where jobs wait whose metadata say `hold`: in their first attempt.
    let gate = Gate()
    private let prefix = TestRedis.uniquePrefix()
    private let runs = Mutex<[String: Int]>([:])

    init() async throws {
        postgres = try await TestPostgres.own()
        redis = try await TestRedis.own(persistent: true)
    }

    /// A worker's room over one of the databases and one of the servers; `init` migrates it if needed.
    func room(database: String = "postgres", redis server: PrivateRedis? = nil) async throws -> RunnerFixture {
        let handler = TestHandler { [self] context throws(JobFailure) in
            note("run", context)
            if context.metadata["fail"] != nil, context.attempt == 1 { throw .permanent("x", type: "meant_to_fail") }
            _ = try await context.step("first") { () throws(JobFailure) in
                note("step", context)
                return 1
            }
            if context.metadata["hold"] != nil, context.attempt == 1 { try await gate.wait() }
            try context.conversation.say(ConversationMessage(.user, "\(context.attempt)"), in: context.jobID.description)
            let parents = try await context.parents().values.map { $0.result?["attempt"] ?? .null }
            return ["attempt": .integer(Int64(context.attempt)), "parents": .array(parents)]
        }
        return try await RunnerFixture([handler], redis: server ?? redis, postgres: postgres.url(of: database), prefix: prefix) {
            $0.slots = 8
            $0.reconcileInterval = .milliseconds(200)
            $0.lossInterval = .milliseconds(50)
            $0.flowInterval = .milliseconds(100)
            $0.scheduleInterval = .milliseconds(50)
        }
    }

    private func note(_ what: String, _ context: JobContext) {
        runs.withLock { $0["\(what) \(context.jobID)", default: 0] += 1 }
    }

    /// How often the job was run, whatever became of it.
    func runs(of id: JobID) -> Int { runs.withLock { $0["run \(id)"] ?? 0 } }
    func steps(of id: JobID) -> Int { runs.withLock { $0["step \(id)"] ?? 0 } }

    func backUp() async throws -> String {
        let file = try TemporaryDirectory.make() + "/tidewheel.dump"
        try await script("backup", file, database: "postgres")
        var status = Glibc.stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
        return file
    }

    /// The name of a fresh database with the dump's content.
    func restore(_ dump: String) async throws -> String {
        let name = "restored\(UInt32.random(in: 0 ... .max))"
        try await postgres.createDatabase(name)
        try await script("restore", dump, database: name)
        return name
    }

    /// A server that starts from what the append-only file says now.
    func copyOfRedis() async throws -> String {
        let directory = try TemporaryDirectory.make()
        try FileManager.default.copyItem(atPath: redis.directory + "/appendonlydir", toPath: directory + "/appendonlydir")
        return directory
    }

    struct ScriptFailed: Error { let lines: [String] }

    func script(_ name: String, _ file: String, database: String) async throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        var order = ChildOrder("/bin/sh", ["\(root)/deploy/\(name)", file])
        order.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "DATABASE_URL": postgres.url(of: database)]
        let (lines, said) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(order, onLine: { said.yield($0) }, onEnd: { said.finish() })
        // Its last words may be read after its end is known.
        let words = await lines.reduce(into: [String]()) { $0.append($1) }
        guard await child.exit() == .exited(0) else { throw ScriptFailed(lines: words) }
    }

    func stop() async {
        await redis.stop()
        await postgres.stop()
    }
}

extension RunnerFixture {
    func submit(_ metadata: JSONValue, _ change: (inout JobRequest) -> Void = { _ in }) async throws -> JobID {
        try await submission(metadata, change).job.id
    }

    func submission(_ metadata: JSONValue, _ change: (inout JobRequest) -> Void = { _ in }) async throws -> Submission {
        var request = JobRequest(kind: "task", input: [:])
        request.metadata = metadata
        change(&request)
        return try await desk.submit(request)
    }

    func flow(_ metadata: JSONValue) async throws -> [String: JobID] {
        var parent = JobRequest(kind: "task", input: [:])
        parent.metadata = metadata
        let child = JobRequest(kind: "task", input: [:])
        return try await desk.submit(
            FlowRequest([.init(name: "parent", request: parent), .init(name: "child", request: child, dependsOn: ["parent"])])
        ).jobIDs
    }

    /// Both stores say so, or Redis has never heard of it.
    func settles(_ id: JobID, as state: JobState) async throws {
        try await eventually(within: .seconds(20)) {
            let row = try await desk.ledger.job(id)?.state
            let live = try await desk.queue.job(id)?.state
            return row == state && (live ?? state) == state
        }
    }
}
