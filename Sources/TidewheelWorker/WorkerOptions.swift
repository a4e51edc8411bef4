internal import FoundationEssentials

/// How a worker of another program is set: by the variables that `tidewheel worker` has too, under the same names and with the same defaults.
/// docs/settings.md explains them.
public struct WorkerOptions: Sendable {
    /// Where Redis is: `redis://`, `rediss://` or `unix://`.
    public var redisURL = "redis://127.0.0.1:6379"
    /// Where PostgreSQL is.
    public var databaseURL = "postgresql://127.0.0.1:5432/tidewheel"
    /// In front of every Redis key.
    public var keyPrefix = ""
    /// Jobs at once.
    public var slots = 4
    /// The same in the whole installation: whoever is silent for longer is dead.
    public var leaseSeconds = 7
    /// How long a worker that is told to leave lets its jobs finish before it hands them back.
    public var drainSeconds = 30
    /// How long Redis keeps a job after its end.
    public var retentionSeconds = 86_400
    /// Connections to PostgreSQL.
    public var postgresConnections = 4
    /// The least important kind of log line that is written.
    public var logLevel = "info"

    /// The defaults, whatever the environment says.
    public init() {}

    /// Set variables replace the defaults; empty ones count as not set.
    public static func environment() throws -> WorkerOptions {
        try environment(ProcessInfo.processInfo.environment)
    }

    static func environment(_ variables: [String: String]) throws -> WorkerOptions {
        var options = WorkerOptions()
        for variable in WorkerOptions.variables {
            guard let value = variables[variable.name], !value.isEmpty else { continue }
            guard variable.take(value, &options) else { throw WorkerRefusal("\(variable.name) has a value that cannot be used") }
        }
        return options
    }

    struct Variable: Sendable {
        let name: String
        let take: @Sendable (String, inout WorkerOptions) -> Bool
        let fits: @Sendable (WorkerOptions) -> Bool
    }

    /// What was set in the program is bounded as what the environment says.
    func check() throws(WorkerRefusal) {
        for variable in WorkerOptions.variables where !variable.fits(self) {
            throw WorkerRefusal("The option that \(variable.name) sets has a value that cannot be used")
        }
    }

    static let variables = [
        text("REDIS_URL", \.redisURL), text("DATABASE_URL", \.databaseURL), text("TIDEWHEEL_KEY_PREFIX", \.keyPrefix),
        number("TIDEWHEEL_SLOTS", 1...1_000, \.slots), number("TIDEWHEEL_LEASE_SECONDS", 3...600, \.leaseSeconds),
        number("TIDEWHEEL_DRAIN_SECONDS", 0...3_600, \.drainSeconds), number("JOB_RETENTION_SECONDS", 60...31_536_000, \.retentionSeconds),
        number("TIDEWHEEL_POSTGRES_POOL", 1...100, \.postgresConnections), text("TIDEWHEEL_LOG_LEVEL", \.logLevel),
    ]

    private static func text(_ name: String, _ place: any WritableKeyPath<WorkerOptions, String> & Sendable) -> Variable {
        Variable(name: name) { value, options in
            options[keyPath: place] = value
            return true
        } fits: { _ in
            true
        }
    }

    private static func number(
        _ name: String, _ range: ClosedRange<Int>, _ place: any WritableKeyPath<WorkerOptions, Int> & Sendable
    ) -> Variable {
        Variable(name: name) { value, options in
            guard let number = Int(value), range.contains(number) else { return false }
            options[keyPath: place] = number
            return true
        } fits: {
            range.contains($0[keyPath: place])
        }
    }
}

/// Why a worker does not start; its text is the whole message.
public struct WorkerRefusal: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
