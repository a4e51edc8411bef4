/// `tidewheel bench`: how fast this machine runs jobs, beside how fast its Redis and PostgreSQL are without us.
import ArgumentParser
import FoundationEssentials
import Glibc
import JobBench
import JobModel
import Logging
import PrivateServers

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure this machine: jobs a second, latency, CPU and memory, each beside its floor.",
        discussion: """
            Prints a line of JSON for each measurement, and a table on standard error. Ends with code 1 when a job did not run exactly once.
            Starts a Redis (no append-only file, TCP on 127.0.0.1) and a PostgreSQL (with fsync) of its own unless REDIS_URL and DATABASE_URL
            are given. See docs/performance.md.
            """)

    @OptionGroup var given: GivenFlags

    @Option(help: "What to measure, separated by commas: \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")).")
    var only: String?

    @Option(help: "Jobs of one measurement.")
    var jobs = 20_000

    @Option(help: "Repetitions; the one in the middle is told.")
    var runs = 3

    @Option(help: "Jobs at once in the measured worker.")
    var slots = 200

    @Option(help: "Also measure a drain in front of so many waiting jobs.")
    var backlog = 0

    @Option(help: "Bytes of each job's input.")
    var input = 200

    @Option(help: "HTTP connections at once.")
    var connections = 32

    @Option(help: "Seconds that an idle worker is watched.")
    var idle = 5

    @Flag(help: "The own Redis listens on a unix socket instead of TCP.")
    var unix = false

    @Flag(help: "Print the lines of JSON only.")
    var json = false

    func validate() throws {
        _ = try scenarios()
        guard (1...10_000_000).contains(jobs), (0...50_000_000).contains(backlog), backlog != 1 else {
            throw ValidationError("--jobs must be from 1 to 10,000,000, --backlog 0 or from 2 to 50,000,000.")
        }
        guard (1...99).contains(runs), (1...1_000).contains(slots), (1...1_000).contains(connections), (1...3_600).contains(idle) else {
            throw ValidationError("--runs must be from 1 to 99, --slots and --connections from 1 to 1,000, --idle from 1 to 3,600.")
        }
        guard (64...65_536).contains(input) else { throw ValidationError("--input must be from 64 to 65,536.") }
    }

    func run() async throws {
        let settings = try Settings(flags: given.byName())
        let servers = try await BenchServers(settings, onUnixSocket: unix)
        do {
            let all = try await measure(on: servers, logger: LineLog.logger("bench", settings))
            await servers.stop()
            if !json { writeError(Table.text(of: all)) }
            if !all.allSatisfy(\.isVerified) { throw ExitCode.failure }
        } catch {
            await servers.stop()
            throw error
        }
    }

    private func measure(on servers: BenchServers, logger: Logger) async throws -> [Figures] {
        let stage = try BenchStage(
            plan(), redisURL: servers.redisURL, databaseURL: servers.databaseURL, ownsRedis: servers.ownsRedis,
            directory: servers.directory,
            processes: BenchCommand.processes, logger: logger)
        do {
            try await stage.prepare(logger: logger)
            let all = try await Bench(stage) { figures in
                print(figures.json.serialized)
                flushOutput()
            }.run()
            await stage.close()
            return all
        } catch {
            await stage.close()
            throw error
        }
    }

    private func scenarios() throws -> [Scenario] {
        guard let only else { return Scenario.allCases }
        return try only.split(separator: ",").map { word in
            guard let scenario = Scenario(rawValue: String(word)) else {
                throw ValidationError("--only \(word) is nothing that can be measured.")
            }
            guard scenario != .backlog || backlog > 0 else { throw ValidationError("--only backlog needs --backlog.") }
            return scenario
        }
    }

    private func plan() throws -> BenchPlan {
        var plan = BenchPlan(try scenarios())
        plan.jobs = jobs
        plan.runs = runs
        plan.slots = slots
        plan.backlog = backlog
        plan.inputBytes = input
        plan.connections = connections
        plan.idleSeconds = idle
        return plan
    }

    /// This program again, with the kinds that only measured processes have. Their logs are warnings and worse: a line a job would be measured.
    private static let processes: BenchProcesses = {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        @Sendable func order(_ arguments: [String], _ environment: [String: String]) -> ChildOrder {
            var order = ChildOrder(program, arguments)
            let own = ProcessInfo.processInfo.environment
            let level = own[Known.logLevel.entry.name] ?? "error"
            order.environment = own.merging(environment) { $1 }.merging([Known.logLevel.entry.name: level]) { $1 }
            return order
        }
        return BenchProcesses(
            worker: { tally, slots, environment in
                order(["worker", "--noop", tally, "--queues", "bench", "--slots", String(slots)], environment)
            },
            api: { tally, environment in order(["api", "--noop", tally], environment) })
    }()
}

private func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(2, bytes, bytes.count)
}
