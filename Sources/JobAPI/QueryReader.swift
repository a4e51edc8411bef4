internal import HummingbirdCore
internal import JobModel

/// A query string under strict rules: only known names, proper percent-encoding, everything that is wrong is told at once.
/// A name may be repeated; `+` is a space, as forms send it.
struct QueryReader {
    struct Fault {
        let parameter: String
        let detail: String
    }

    static let maxBytes = 8 << 10

    private var values: [String: [String]] = [:]
    private(set) var faults: [Fault] = []

    init(_ query: String?, allowed: [String]) {
        let query = query ?? ""
        guard query.utf8.count <= QueryReader.maxBytes else {
            faults.append(Fault(parameter: "", detail: "the query may have at most \(QueryReader.maxBytes) bytes"))
            return
        }
        for part in query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = QueryReader.decode(pair[0]), let value = QueryReader.decode(pair.count > 1 ? pair[1] : "") else {
                faults.append(Fault(parameter: String(pair[0].prefix(100)), detail: "must be UTF-8, percent-encoded, without U+0000"))
                continue
            }
            guard allowed.contains(name) else {
                faults.append(
                    Fault(parameter: String(name.prefix(100)), detail: "is not known here; there are: \(allowed.joined(separator: ", "))"))
                continue
            }
            if !value.isEmpty { values[name, default: []].append(value) }
        }
    }

    /// Members of a JSON body under the same rules.
    init(_ members: [String: JSONValue]) {
        values = members.compactMapValues { $0.string.map { [$0] } }
    }

    mutating func refuse(_ parameter: String, _ detail: String) {
        faults.append(Fault(parameter: parameter, detail: detail))
    }

    /// Every value of a name.
    func all(_ name: String) -> [String] {
        values[name] ?? []
    }

    /// The one value of a name.
    mutating func one(_ name: String, maxBytes: Int = 300) -> String? {
        let found = all(name)
        guard found.count <= 1 else {
            refuse(name, "must be given once")
            return nil
        }
        guard let value = found.first else { return nil }
        guard value.utf8.count <= maxBytes else {
            refuse(name, "must be at most \(maxBytes) bytes long")
            return nil
        }
        return value
    }

    /// Words of a list, repeated or separated by commas; each must be one of those there are.
    mutating func words(_ name: String, among known: [String]) -> Set<String> {
        let words = all(name).flatMap { $0.split(separator: ",").map(String.init) }
        guard words.allSatisfy(known.contains) else {
            refuse(name, "must be one of: \(known.joined(separator: ", "))")
            return []
        }
        return Set(words)
    }

    mutating func number(_ name: String, _ range: ClosedRange<Int>, standard: Int) -> Int {
        guard let text = one(name) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            refuse(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return standard
        }
        return number
    }

    /// An RFC 3339 time; an unencoded `+` of its offset arrives as a space.
    mutating func time(_ name: String) -> Timestamp? {
        guard let text = one(name) else { return nil }
        guard let time = Timestamp(rfc3339: text.replacing(" ", with: "+")) else {
            refuse(name, "must be an RFC 3339 time, written like 2030-01-31T12:00:00Z")
            return nil
        }
        return time
    }

    mutating func position(_ name: String) -> JobPosition? {
        guard let text = one(name) else { return nil }
        guard let position = JobPosition(text) else {
            refuse(name, "must be the next_cursor of an earlier answer")
            return nil
        }
        return position
    }

    /// Percent-decoded; nil for what is not UTF-8 or has a U+0000.
    static func decode(_ text: Substring, plusIsSpace: Bool = true) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
                    let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
                else { return nil }
                rest = rest.dropFirst(2)
                bytes.append(value)
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
