/// Why PostgreSQL did not do what was asked. Texts never hold parameter values, rows or passwords.
package struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// No connection, or it broke. `outcomeUnknown`: the statement was sent, and nobody knows whether it took effect.
        case connection(outcomeUnknown: Bool)
        /// The statement ran longer than its time limit and was rolled back, or no connection became free in time.
        case timeout
        /// The waiting task was cancelled; a statement that was already running may have taken effect.
        case cancelled
        /// The server refused the statement: see `sqlState`.
        case statement
        case closed
        /// A column is missing, NULL, or holds another type than was asked for.
        case decoding
        /// A value that PostgreSQL cannot store, or a URL that cannot be read; nothing was sent.
        case invalidInput
    }

    package let kind: Kind
    package let sqlState: String?
    package let message: String
    /// The constraint that a class 23 error names.
    package let constraint: String?

    package init(_ kind: Kind, sqlState: String? = nil, constraint: String? = nil, _ message: String) {
        self.kind = kind
        self.sqlState = sqlState
        self.constraint = constraint
        self.message = sqlState?.hasPrefix("22") == true ? Self.withoutQuotedValues(message) : message
    }

    package var isConnectionLoss: Bool {
        if case .connection = kind { return true }
        return false
    }

    /// Whether the same call may succeed later without anybody changing it.
    package var isRetryable: Bool {
        switch kind {
        case .connection, .timeout: true
        case .statement: Self.passingStates.contains(sqlState ?? "") || sqlState?.hasPrefix("53") == true
        case .cancelled, .closed, .decoding, .invalidInput: false
        }
    }

    package var isUniqueViolation: Bool { sqlState == "23505" }

    /// Two transactions stood in each other's way: running the whole transaction again is the cure.
    package var isSerializationConflict: Bool { sqlState == "40001" || sqlState == "40P01" }

    package var description: String {
        [sqlState.map { "SQLSTATE \($0)" }, constraint.map { "constraint \($0)" }, message].compactMap(\.self).joined(separator: ": ")
    }

    /// Conflicts, locks, read-only after a failover.
    private static let passingStates: Set<String> = ["40001", "40P01", "55P03", "25006", "25P03"]

    /// Data exceptions quote what they could not read: the quotation goes, the sentence stays.
    private static func withoutQuotedValues(_ message: String) -> String {
        guard let first = message.firstIndex(of: "\"") else { return message }
        let last = message.lastIndex(of: "\"") ?? first
        return message[..<first] + "\"…\"" + message[message.index(after: last)...]
    }
}
