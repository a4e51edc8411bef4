package import JobModel
package import PostgresWire

/// The table `job_kinds`, from which `tidewheel.enqueue()` knows what a kind takes.
extension JobLedger {
    /// Returns how many kinds were new or different.
    @discardableResult
    package func publish(_ kinds: [JobKind]) async throws(PostgresError) -> Int {
        try await pool.execute(
            Statements.publishKinds,
            [
                .textArray(kinds.map(\.name)), .textArray(kinds.map(\.queue)), .integerArray(kinds.map { Int64($0.retry.maxAttempts) }),
                .integerArray(kinds.map(\.timeoutMilliseconds)), .integerArray(kinds.map(\.estimatedMilliseconds)),
                .textArray(kinds.map { JSONValue.object($0.input.table).serialized }),
            ])
    }

    /// Forgets the kinds that are not among these: `migrate` does, for the version that it belongs to.
    package func retire(allBut kinds: [JobKind]) async throws(PostgresError) {
        try await pool.execute("DELETE FROM job_kinds WHERE kind <> ALL ($1::text[])", [.textArray(kinds.map(\.name))])
    }
}

extension InputShape {
    fileprivate var table: [String: JSONValue] {
        Dictionary(
            fields.map { ($0.name, ["type": .string($0.type.word), "required": .boolean($0.isRequired)]) },
            uniquingKeysWith: { first, _ in first })
    }
}

extension InputShape.FieldType {
    /// As PostgreSQL's jsonb_typeof says it; with ` or ` between several.
    fileprivate var word: String {
        switch self {
        case .text, .url, .documentAddress, .choice: "string"
        case .integer, .number: "number"
        case .boolean: "boolean"
        case .texts, .messages: "array"
        case .object, .modelOptions, .schema: "object"
        case .textOrTexts: "string or array"
        case .thinking: "boolean or string"
        }
    }
}
