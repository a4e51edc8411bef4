package import JobModel
package import PostgresWire

/// What became of a registration.
package enum KindsRegistered: Sendable, Hashable {
    case done
    /// A built-in kind has this name.
    case nameTaken(String)
    /// The queue belongs to built-in kinds, or to kinds that this program does not run: its jobs would reach the wrong workers.
    case queueTaken(queue: String, by: [String])
    /// There are `KindRegistration.maxCount`.
    case tooMany
    /// Jobs of this kind have not ended, and wait in the queue that it would leave.
    case moves(String)
}

/// The table `job_kinds`, from which `tidewheel.enqueue()` knows what a kind takes, and every process the kinds of other programs.
extension JobLedger {
    /// The kinds that are compiled in; one that another program registered before under the same name becomes ours.
    /// Returns how many kinds were new or different.
    @discardableResult
    package func publish(_ kinds: [JobKind]) async throws(PostgresError) -> Int {
        try await pool.execute(Statements.publishKinds, KindRows(kinds).columns)
    }

    /// Forgets the kinds that are not among these: `migrate` does, for the version that it belongs to. Registered ones are not its business.
    package func retire(allBut kinds: [JobKind]) async throws(PostgresError) {
        try await pool.execute(
            "DELETE FROM job_kinds WHERE NOT registered AND kind <> ALL ($1::text[])", [.textArray(kinds.map(\.name))])
    }

    /// What other programs registered. What a later version wrote in words that this one does not know is left out.
    package func registeredKinds() async throws(PostgresError) -> [JobKind] {
        let rows = try await pool.query("SELECT registration::text FROM job_kinds WHERE registered ORDER BY kind")
        let texts = try rows.map { (row) throws(PostgresError) in try row.string("registration") }
        return texts.compactMap { (try? JSONReader.read($0)).flatMap { try? KindRegistration.read($0).get() } }
    }

    /// All kinds of one program, in one transaction, after which it may run every kind of their queues. One registration at a time.
    package func register(_ kinds: [JobKind], running others: [String] = []) async throws(PostgresError) -> KindsRegistered {
        try await pool.transaction { (connection) throws(PostgresError) in
            try connection.execute("LOCK TABLE job_kinds IN SHARE ROW EXCLUSIVE MODE")
            let there = try connection.query("SELECT kind, queue, registered FROM job_kinds").map { (row) throws(PostgresError) in
                KnownKind(name: try row.string("kind"), queue: try row.string("queue"), isRegistered: try row.bool("registered"))
            }
            let verdict = KnownKind.verdict(on: kinds, among: there, running: others)
            guard verdict == .done else { return verdict }
            let moving = KnownKind.moving(kinds, among: there)
            if let busy = try JobLedger.firstLive(of: moving, connection) { return .moves(busy) }
            let registrations = PostgresValue.textArray(kinds.map(\.registration.serialized))
            try connection.execute(Statements.registerKinds, KindRows(kinds).columns + [registrations])
            return .done
        }
    }

    /// Forgets a registered kind without live jobs. False: it has some.
    package func forgetKind(_ name: String) async throws(PostgresError) -> Bool {
        try await pool.transaction { (connection) throws(PostgresError) in
            try connection.execute("LOCK TABLE job_kinds IN SHARE ROW EXCLUSIVE MODE")
            guard try JobLedger.firstLive(of: [name], connection) == nil else { return false }
            try connection.execute("DELETE FROM job_kinds WHERE registered AND kind = $1", [.text(name)])
            return true
        }
    }

    /// The first of these kinds that has a job which has not ended.
    private static func firstLive(of kinds: [String], _ connection: PostgresConnection) throws(PostgresError) -> String? {
        guard !kinds.isEmpty else { return nil }
        let live = """
            SELECT kind FROM jobs WHERE kind = ANY ($1::text[]) AND status NOT IN ('completed', 'failed', 'cancelled') LIMIT 1
            """
        return try connection.query(live, [.textArray(kinds)]).first.map { (row) throws(PostgresError) in try row.string("kind") }
    }
}

private struct KnownKind: Sendable {
    let name: String
    let queue: String
    let isRegistered: Bool
    private var place: [String] { [name, queue] }

    /// Kinds that would wait in another queue than before.
    static func moving(_ kinds: [JobKind], among there: [KnownKind]) -> [String] {
        let queues = Dictionary(there.map { ($0.name, $0.queue) }, uniquingKeysWith: { first, _ in first })
        return kinds.filter { kind in queues[kind.name].map { $0 != kind.queue } ?? false }.map(\.name)
    }

    /// A program that has a kind in a queue may change it: other kinds of that queue are a newer version's, and no strangers.
    static func verdict(on kinds: [JobKind], among there: [KnownKind], running others: [String]) -> KindsRegistered {
        let own = Set(kinds.map(\.name) + others)
        let names = Set(kinds.map(\.name))
        if let taken = there.first(where: { !$0.isRegistered && names.contains($0.name) }) { return .nameTaken(taken.name) }
        let places = Set(there.map(\.place))
        for queue in Set(kinds.filter { !places.contains([$0.name, $0.queue]) }.map(\.queue)).sorted() {
            // Built-in kinds are nobody's to name as their own.
            let strangers = there.filter { $0.queue == queue && !($0.isRegistered && own.contains($0.name)) }.map(\.name).sorted()
            if !strangers.isEmpty { return .queueTaken(queue: queue, by: strangers) }
        }
        let registered = Set(there.filter(\.isRegistered).map(\.name)).union(names)
        return registered.count > KindRegistration.maxCount ? .tooMany : .done
    }
}

/// Kinds as columns for `unnest`.
private struct KindRows {
    let columns: [PostgresValue]

    init(_ kinds: [JobKind]) {
        columns = [
            .textArray(kinds.map(\.name)), .textArray(kinds.map(\.queue)), .integerArray(kinds.map { Int64($0.retry.maxAttempts) }),
            .integerArray(kinds.map(\.timeoutMilliseconds)), .integerArray(kinds.map(\.estimatedMilliseconds)),
            .textArray(kinds.map { JSONValue.object($0.input.table).serialized }),
            .textArray(kinds.map { $0.input.isOpen ? "true" : "false" }),
        ]
    }
}

extension InputShape {
    /// Members of an input by name, as far as SQL checks them.
    fileprivate var table: [String: JSONValue] {
        guard isForeign else {
            return Dictionary(
                fields.map { ($0.name, ["type": .string($0.type.word), "required": .boolean($0.isRequired)]) },
                uniquingKeysWith: { first, _ in first })
        }
        let required = Set(schema["required"]?.array?.compactMap(\.string) ?? [])
        var table: [String: JSONValue] = [:]
        for (name, property) in schema["properties"]?.object ?? [:] {
            let types = property["type"]?.array?.compactMap(\.string) ?? property["type"]?.string.map { [$0] } ?? []
            let words = types.map { $0 == "integer" ? "number" : $0 }.filter { $0 != "null" }
            let mayBeNull = types.isEmpty || types.contains("null")
            let isRequired = required.contains(name) && !mayBeNull && property["default"] == nil
            table[name] = ["type": words.isEmpty ? .null : .string(words.joined(separator: " or ")), "required": .boolean(isRequired)]
        }
        return table
    }

    /// Whether an input may have members that are not in the table.
    fileprivate var isOpen: Bool { isForeign && schema["additionalProperties"] != false }
}

extension InputShape.FieldType {
    /// As PostgreSQL's jsonb_typeof says it; with ` or ` between several.
    fileprivate var word: String {
        switch self {
        case .text, .url, .documentAddress, .choice: "string"
        case .integer, .number: "number"
        case .boolean: "boolean"
        case .texts, .messages, .array: "array"
        case .object, .modelOptions, .schema: "object"
        case .textOrTexts: "string or array"
        case .thinking: "boolean or string"
        }
    }
}
