/// The processes of `dev`, from the first to the last: servers, migration, API, workers; then the same backwards.
/// All of them are children that end with this process, even when it is killed (`ChildProcess`).
import FoundationEssentials
import Glibc
import JobAPI
import JobModel
import Logging
import PrivateServers
import RedisWire
import WebFetch

final class Dev: Sendable {
    private let settings: Settings
    private let directory: String
    private let workers: Int
    private let logger: Logger
    private let stopping = Latch()

    init(_ settings: Settings, directory: String, workers: Int, logger: Logger) {
        self.settings = settings
        self.directory = directory
        self.workers = workers
        self.logger = logger
    }

    /// Safe from any thread; also while things are still starting.
    func stop() { stopping.open() }

    func run() async throws {
        _ = try Exposure.rule(settings)
        let home = try DevHome(directory)
        defer { home.unlock() }
        let servers = DevServers(home: home, logger: logger)
        var children: [SupervisedChild] = []
        do {
            let environment = try await prepared(servers)
            let api = SupervisedChild("api", order(["api"], environment), logger: logger)
            children.append(api)
            api.start()
            let port = try await self.port(of: api)
            for number in 1...workers {
                let worker = SupervisedChild(
                    "worker \(number)", order(["worker"], workerEnvironment(environment, port: port)), logger: logger)
                children.append(worker)
                worker.start()
            }
            let url = "http://127.0.0.1:\(port)"
            try await untilStopped { try await self.waitUntilReady(url) }
            announce(url, servers, environment)
            await stopping.wait()
        } catch is CancellationError {
            // Stopped while it was starting: what has started is stopped below.
        } catch {
            await end(children, servers)
            throw error
        }
        await end(children, servers)
    }

    /// Servers run, the database is up to date; returns what the children are to be told.
    private func prepared(_ servers: DevServers) async throws -> [String: String] {
        var environment = settings.environment
        try await untilStopped { [settings] in
            try await servers.start(redis: !settings.isGiven(Known.redisURL), postgres: !settings.isGiven(Known.databaseURL))
        }
        if let url = servers.redisURL { environment[Known.redisURL.entry.name] = url }
        if let url = servers.databaseURL { environment[Known.databaseURL.entry.name] = url }
        if !ModelSettings(settings: settings).namesAnybody { environment[Known.models.entry.name] = "echo" }
        // Who presses Ctrl-C at a terminal does not want to wait for half a minute.
        if !settings.isGiven(Known.drain) { environment[Known.drain.entry.name] = "3" }
        let told = try Settings(environment: environment)
        _ = try await untilStopped { [logger] in try await migrate(told, logger: logger) }
        return environment
    }

    private func order(_ arguments: [String], _ environment: [String: String]) -> ChildOrder {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        var order = ChildOrder(program, arguments)
        order.environment = environment
        return order
    }

    /// Crawls may fetch the site that is served here; other loopback addresses stay refused.
    private func workerEnvironment(_ environment: [String: String], port: Int) -> [String: String] {
        guard settings[optional: Known.site] != nil else { return environment }
        let name = Known.fetchAllow.entry.name
        let allowed = ["127.0.0.1:\(port)", "localhost:\(port)"] + settings[Known.fetchAllow]
        return environment.merging([name: allowed.joined(separator: ",")]) { $1 }
    }

    /// The API says where it listens; with port 0 nobody else knows.
    private func port(of api: SupervisedChild) async throws -> Int {
        let line = try await untilStopped {
            try await api.line(containing: "listens on", within: .seconds(30))
        }
        guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw Refusal("The API did not say where it listens.")
        }
        return port
    }

    private func waitUntilReady(_ url: String) async throws {
        let fetcher = Fetcher(guard: nil, userAgent: "tidewheel dev")
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            if await alive(url, fetcher) >= workers { break }
            guard ContinuousClock.now < deadline else {
                throw Refusal("The API and the workers were not ready within 60 s; see the lines above.")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        await fetcher.close()
    }

    /// How many worker processes the API sees, each of which may be several workers; none while it is not ready.
    private func alive(_ url: String, _ fetcher: Fetcher) async -> Int {
        guard await get(url + "/readyz", fetcher) != nil else { return 0 }
        // With keys only their holders see the workers.
        guard settings[Known.apiKeys] != CallerRule.required.rawValue else { return workers }
        guard let body = await get(url + "/health/workers", fetcher) else { return 0 }
        let workers = (try? JSONReader.read(body))?["workers"]?.array ?? []
        return Set(workers.filter { $0["status"] == "alive" }.compactMap { $0["pid"]?.integer }).count
    }

    private func get(_ url: String, _ fetcher: Fetcher) async -> [UInt8]? {
        guard let response = try? await fetcher.fetch(FetchRequest(url: url)), response.status == 200 else { return nil }
        return try? await response.body.collect()
    }

    private func announce(_ url: String, _ servers: DevServers, _ environment: [String: String]) {
        print("  API       \(url)")
        print("  Redis     \(servers.redisURL.map { "\($0)   (redis-cli -s \($0.dropFirst("unix://".count)))" } ?? "as REDIS_URL says")")
        print("  Postgres  \(servers.databaseURL.map { "psql '\($0)'" } ?? "as DATABASE_URL says")")
        if environment[Known.models.entry.name] == "echo" {
            print("  Models    Echo: a STAND-IN without meaning. Set OLLAMA_URL or OPENAI_URL for real models.")
        }
        print("  Workers   \(workers), with \(settings[Known.slots]) slots each. Ctrl-C stops everything.")
        print("tidewheel dev is ready: \(url)")
        flushOutput()
    }

    /// Runs the work, or throws CancellationError as soon as `stop` was called.
    private func untilStopped<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                await self.stopping.wait()
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else { throw CancellationError() }
            return value
        }
    }

    private func end(_ children: [SupervisedChild], _ servers: DevServers) async {
        await withTaskGroup(of: Void.self) { group in
            let grace = settings.isGiven(Known.drain) ? settings[Known.drain] : 3
            for child in children { group.addTask { await child.stop(grace: .seconds(grace + 15)) } }
        }
        await servers.stop()
    }
}
