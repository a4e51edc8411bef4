/// `tidewheel key create|list|revoke`: who may ask the API for what. Works on the database alone; API processes hear of it within seconds.
import ArgumentParser
import JobLedger
import JobModel
import Logging
import PostgresWire

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make, list and revoke keys of the API.",
        subcommands: [CreateKeyCommand.self, ListKeysCommand.self, RevokeKeyCommand.self])
}

struct CreateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a key and show it, this once.",
        discussion:
            "The key goes to standard output, everything else to standard error: KEY=$(tidewheel key create --name ci --scopes read).")

    @OptionGroup var given: GivenFlags

    @Option(help: "For people: who will use it.")
    var name: String

    @Option(help: "read, submit, manage; several separated by commas.")
    var scopes: String

    @Option(help: ArgumentHelp("It stops working after this: 90d, 12h, 30m.", valueName: "time"))
    var expires: String?

    @Option(help: ArgumentHelp("Requests in so many seconds: 100/60.", valueName: "count/seconds"))
    var rate: String?

    @Option(help: "Requests at once after a pause; as many as the rate counts, unless said.")
    var burst: Int?

    @Option(help: "Jobs from midnight to midnight, UTC.")
    var jobsADay: Int?

    @Option(help: "Jobs of its own that may be live at once, at most 10000.")
    var liveJobs: Int?

    func validate() throws { _ = try key("0000000000000000") }

    func run() async throws {
        let text = APIKeyText.make()
        let key = try key(text.id)
        try await withLedger(given) { ledger in
            var entry = Console.entry("key.create", key.id)
            entry.detail = ["name": .string(key.name), "scopes": .array(key.sortedScopes.map(JSONValue.string))]
            guard try await ledger.createKey(key, hash: text.hash, by: entry) else {
                throw Refusal("There are \(APIKey.maxCount) keys already; revoke some first.")
            }
        }
        Console.say("Key \(key.id) (\(key.name)) may \(key.sortedScopes.joined(separator: ", ")). It is shown this once:")
        print(text.text)
    }

    private func key(_ id: String) throws -> APIKey {
        guard (1...APIKey.maxNameBytes).contains(name.utf8.count), name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else {
            throw ValidationError("--name must be 1 to \(APIKey.maxNameBytes) bytes without control characters.")
        }
        var key = APIKey(id: id, name: name, scopes: try readScopes())
        key.rate = try readRate()
        key.jobsADay = jobsADay
        key.liveJobs = liveJobs
        key.expiresAt = try expires.map(readTime)
        guard jobsADay.map((1...1_000_000_000).contains) ?? true else {
            throw ValidationError("--jobs-a-day must be from 1 to 1000000000.")
        }
        guard liveJobs.map((1...APIKey.mostLiveJobs).contains) ?? true else {
            throw ValidationError("--live-jobs must be from 1 to \(APIKey.mostLiveJobs).")
        }
        return key
    }

    private func readScopes() throws -> Set<APIKey.Scope> {
        let words = scopes.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
        let scopes = words.compactMap(APIKey.Scope.init)
        guard !words.isEmpty, scopes.count == words.count else {
            throw ValidationError("--scopes must be some of: \(APIKey.Scope.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return Set(scopes)
    }

    private func readRate() throws -> Limit.Rate? {
        guard let rate else {
            guard burst == nil else { throw ValidationError("--burst needs --rate.") }
            return nil
        }
        let parts = rate.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let count = parts[0], let seconds = parts[1], (1...1_000_000).contains(count),
            (1...86_400).contains(seconds)
        else { throw ValidationError("--rate must be requests/seconds, such as 100/60: 1 to 1000000 in 1 to 86400.") }
        guard (1...1_000_000).contains(burst ?? count) else { throw ValidationError("--burst must be from 1 to 1000000.") }
        return Limit.Rate(count: count, perMilliseconds: Int64(seconds) * 1000, burst: burst ?? count)
    }

    private func readTime(_ text: String) throws -> Timestamp {
        let units: [Character: Int64] = ["d": 86_400_000, "h": 3_600_000, "m": 60_000]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), (1...1_000_000).contains(count) else {
            throw ValidationError("--expires must be a number of days, hours or minutes: 90d, 12h, 30m.")
        }
        return Timestamp.now.advanced(byMilliseconds: count * unit)
    }
}

struct ListKeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the keys; nobody can show them again.")

    @OptionGroup var given: GivenFlags

    @Flag(help: "Those that were revoked too.")
    var all = false

    @Flag(help: "As -o jsonl.")
    var json = false

    @Option(name: [.short, .long], help: "table, for people; json, one document; jsonl, one a line.")
    var output = OutputForm.table

    func run() async throws {
        try await withLedger(given) { ledger in
            let keys = try await ledger.apiKeys(revokedToo: all).map(\.key)
            switch json ? .jsonl : output {
            case .table: for key in keys { Output.line(key.line) }
            case .jsonl: for key in keys { Output.line(key.document.serialized) }
            case .json: Output.line(JSONValue.array(keys.map(\.document)).indented())
            }
        }
    }
}

struct RevokeKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Make a key useless, within seconds and for good.")

    @OptionGroup var given: GivenFlags

    @Argument(help: "The id of the key: the 16 digits behind twk_.")
    var id: String

    func run() async throws {
        // Who has the whole key at hand may give that.
        let id = APIKeyText(id)?.id ?? id
        try await withLedger(given) { ledger in
            guard try await ledger.revokeKey(id, by: Console.entry("key.revoke", id)) else {
                throw Refusal("There is no key \(id.prefix(16)) that is not revoked; `tidewheel key list --all` shows them.")
            }
        }
        print("Key \(id) is revoked.")
    }
}

/// A database that was migrated, for a command that ends soon.
private func withLedger(_ given: GivenFlags, _ work: (JobLedger) async throws -> Void) async throws {
    let settings = try Settings(flags: given.byName())
    let logger = LineLog.logger("key", settings)
    let pool = PostgresPool(Assembly.postgresOptions(settings, name: "tidewheel key", poolSize: 1), logger: logger)
    let ledger = JobLedger(pool, logger: logger)
    do {
        guard try await ledger.pendingMigrations().isEmpty else {
            throw Refusal("The database is not up to date: run `tidewheel migrate`.")
        }
        try await work(ledger)
    } catch let error as PostgresError {
        await pool.close()
        throw Refusal("PostgreSQL at \(pool.options) did not do it: \(error). Look at DATABASE_URL.")
    } catch {
        await pool.close()
        throw error
    }
    await pool.close()
}

extension APIKey {
    fileprivate var sortedScopes: [String] { Scope.allCases.filter(scopes.contains).map(\.rawValue) }

    fileprivate var line: String {
        var parts = [id, name, sortedScopes.joined(separator: ",")]
        if let rate { parts.append("\(rate.count) requests in \(rate.perMilliseconds / 1000) s, \(rate.burst) at once") }
        if let jobsADay { parts.append("\(jobsADay) jobs a day") }
        if let liveJobs { parts.append("\(liveJobs) live jobs") }
        parts.append("created \(createdAt)")
        if let expiresAt { parts.append("\(expiresAt > .now ? "expires" : "expired") \(expiresAt)") }
        parts.append(lastUsedAt.map { "last used \($0)" } ?? "never used")
        if let revokedAt { parts.append("revoked \(revokedAt)") }
        return parts.joined(separator: "  ")
    }

    fileprivate var document: JSONValue {
        var document: [String: JSONValue] = [
            "id": .string(id), "name": .string(name), "scopes": .array(sortedScopes.map(JSONValue.string)),
            "created_at": .string(createdAt.description),
        ]
        document["rate"] = rate.map {
            [
                "count": .integer(Int64($0.count)), "per_seconds": .number(Double($0.perMilliseconds) / 1000),
                "burst": .integer(Int64($0.burst)),
            ]
        }
        document["jobs_a_day"] = jobsADay.map { .integer(Int64($0)) }
        document["live_jobs"] = liveJobs.map { .integer(Int64($0)) }
        document["expires_at"] = expiresAt.map { .string($0.description) }
        document["last_used_at"] = lastUsedAt.map { .string($0.description) }
        document["revoked_at"] = revokedAt.map { .string($0.description) }
        return .object(document)
    }
}
