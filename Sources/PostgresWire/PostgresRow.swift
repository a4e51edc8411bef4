internal import CLibPQ

/// One row of a result, read by column name and type. Reading costs no copy of the row: it shares the result with its neighbours.
package struct PostgresRow: Sendable {
    let result: PostgresResult
    let index: Int32

    package func string(_ column: String) throws(PostgresError) -> String { try require(optionalString(column), column) }
    package func int(_ column: String) throws(PostgresError) -> Int64 { try require(optionalInt(column), column) }
    package func double(_ column: String) throws(PostgresError) -> Double { try require(optionalDouble(column), column) }
    package func bool(_ column: String) throws(PostgresError) -> Bool { try require(optionalBool(column), column) }
    package func bytes(_ column: String) throws(PostgresError) -> [UInt8] { try require(optionalBytes(column), column) }

    /// Any type in PostgreSQL's text form.
    package func optionalString(_ column: String) throws(PostgresError) -> String? {
        try field(column).map { String(decoding: $0, as: UTF8.self) }
    }

    package func optionalInt(_ column: String) throws(PostgresError) -> Int64? {
        try parsed(column, "an integer") { Int64($0) }
    }

    package func optionalDouble(_ column: String) throws(PostgresError) -> Double? {
        try parsed(column, "a number") { Double($0) }
    }

    package func optionalBool(_ column: String) throws(PostgresError) -> Bool? {
        try parsed(column, "a boolean") { $0 == "t" ? true : $0 == "f" ? false : nil }
    }

    /// A bytea.
    package func optionalBytes(_ column: String) throws(PostgresError) -> [UInt8]? {
        guard let field = try field(column) else { return nil }
        guard let bytes = Self.unhex(field) else { throw Self.mismatch(column, "a bytea") }
        return bytes
    }

    /// A one-dimensional array of any type; its elements in text form.
    package func strings(_ column: String) throws(PostgresError) -> [String?] {
        guard let field = try field(column), let elements = ArrayLiteral.read(field) else { throw Self.mismatch(column, "an array") }
        return elements
    }

    /// A one-dimensional array of numbers without NULLs.
    package func floats(_ column: String) throws(PostgresError) -> [Float] {
        var numbers: [Float] = []
        for element in try strings(column) {
            guard let number = element.flatMap({ Float($0) }) else { throw Self.mismatch(column, "an array of numbers") }
            numbers.append(number)
        }
        return numbers
    }

    package func isNull(_ column: String) throws(PostgresError) -> Bool { try field(column) == nil }

    private func field(_ column: String) throws(PostgresError) -> UnsafeBufferPointer<UInt8>? {
        guard let number = result.columns[column] else { throw PostgresError(.decoding, "The result has no column \(column)") }
        return result.field(row: index, column: number)
    }

    private func parsed<Value>(_ column: String, _ type: String, _ read: (String) -> Value?) throws(PostgresError) -> Value? {
        guard let text = try optionalString(column) else { return nil }
        guard let value = read(text) else { throw Self.mismatch(column, type) }
        return value
    }

    private func require<Value>(_ value: Value?, _ column: String) throws(PostgresError) -> Value {
        guard let value else { throw PostgresError(.decoding, "Column \(column) is NULL") }
        return value
    }

    private static func mismatch(_ column: String, _ type: String) -> PostgresError {
        PostgresError(.decoding, "Column \(column) does not hold \(type)")
    }

    private static func unhex(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x") else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = digit(text[index]), let low = digit(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// Owns one PGresult. It never changes after it was received, so that rows of it may be read from any thread.
final class PostgresResult: @unchecked Sendable {
    private let pointer: OpaquePointer
    let columns: [String: Int32]

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        var columns: [String: Int32] = [:]
        for number in 0..<PQnfields(pointer) {
            if let name = PQfname(pointer, number) { columns[String(cString: name)] = number }
        }
        self.columns = columns
    }

    deinit { PQclear(pointer) }

    var rows: [PostgresRow] { (0..<PQntuples(pointer)).map { PostgresRow(result: self, index: $0) } }

    /// What the command tag says; 0 for commands that count nothing.
    var affectedRows: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    var status: ExecStatusType { PQresultStatus(pointer) }

    func field(row: Int32, column: Int32) -> UnsafeBufferPointer<UInt8>? {
        guard PQgetisnull(pointer, row, column) == 0, let start = PQgetvalue(pointer, row, column) else { return nil }
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self), count: Int(PQgetlength(pointer, row, column)))
    }

    func diagnostic(_ code: CInt) -> String? { PQresultErrorField(pointer, code).map { String(cString: $0) } }
}
