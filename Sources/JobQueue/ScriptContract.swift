package import RedisWire

/// The header of a script, read: how many keys and arguments it takes. Debug builds compare every call with it.
///
///     -- KEYS    1 job hash   2 stream   [3 idempotency]     numbered places, optional ones in brackets
///     -- ARGV    1 lease   2 event   3… field, value         `…`: from here on as many as there are
///     -- Returns 1 told   0 lost
package struct ScriptContract: Sendable {
    package struct Places: Sendable, Equatable {
        /// The numbers that are named, in order.
        package let named: [Int]
        package let required: Int
        package let isOpen: Bool

        func accepts(_ count: Int) -> Bool {
            count >= required && (isOpen || count <= named.count)
        }

        init(_ line: Substring) {
            let parts = line.split(separator: "  ").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
            let numbered = parts.filter { $0.first?.isNumber == true || $0.first == "[" }
            named = numbered.compactMap { Int($0.drop { $0 == "[" }.prefix { $0.isNumber }) }
            let firstOptional = numbered.firstIndex { $0.hasPrefix("[") } ?? numbered.count
            isOpen = numbered.last?.contains("…") == true
            // An open end may be empty.
            required = min(firstOptional, isOpen ? numbered.count - 1 : numbered.count)
        }
    }

    package let keys: Places
    package let arguments: Places
    package let returns: String

    /// Nil for a script without a whole header.
    package init?(_ script: RedisScript) {
        let lines = String(decoding: script.source, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("-- ") }
        func line(_ word: String) -> Substring? {
            lines.first { $0.hasPrefix("-- \(word)") }.map { $0.dropFirst(3 + word.count) }
        }
        guard let keys = line("KEYS"), let arguments = line("ARGV"), let returns = line("Returns") else { return nil }
        self.keys = Places(keys)
        self.arguments = Places(arguments)
        self.returns = String(returns)
    }

    private static let all = Dictionary(
        uniqueKeysWithValues: Scripts.all.compactMap { script in ScriptContract(script).map { (script.name, $0) } })

    /// Whether a call keeps the script's contract.
    static func isKept(by script: RedisScript, keys: Int, arguments: Int) -> Bool {
        all[script.name].map { $0.keys.accepts(keys) && $0.arguments.accepts(arguments) } ?? false
    }
}

extension JobQueue {
    func run(_ script: RedisScript, keys: [String], arguments: [RedisArgument]) async throws(RedisError) -> RedisReply {
        try await redis.runKept(script, keys: keys, arguments: arguments)
    }
}

extension RedisConnection {
    /// Runs a script. Cost of the comparison: none in a release build.
    func runKept(_ script: RedisScript, keys: [String], arguments: [RedisArgument]) async throws(RedisError) -> RedisReply {
        assert(
            ScriptContract.isKept(by: script, keys: keys.count, arguments: arguments.count),
            "\(script.name) was called with \(keys.count) keys and \(arguments.count) arguments, against its contract")
        return try await run(script, keys: keys, arguments: arguments)
    }

    /// The same with a command behind it, in one round trip.
    func runKept(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], beside command: [RedisArgument]
    ) async throws(RedisError) -> (reply: RedisReply, other: RedisReply) {
        assert(
            ScriptContract.isKept(by: script, keys: keys.count, arguments: arguments.count),
            "\(script.name) was called against its contract")
        return try await run(script, keys: keys, arguments: arguments, beside: command)
    }
}
