/// The header `Retry-After` (RFC 9110, 10.2.3): seconds, or one of the three forms of an HTTP date.

package enum RetryAfter {
    /// Nil for a value that is neither; never negative.
    package static func milliseconds(_ value: String, now: Timestamp) -> Int64? {
        if !value.isEmpty, value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // So many digits that they do not fit mean a very long time.
            return (Int64(value) ?? .max).multipliedReportingOverflow(by: 1000).overflow ? .max : (Int64(value) ?? 0) * 1000
        }
        return date(value).map { max(0, $0.milliseconds - now.milliseconds) }
    }

    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
    private static func date(_ value: String) -> Timestamp? {
        let words = value.lowercased().split { $0 == " " || $0 == "-" || $0 == "," }.map(String.init)
        let isAsctime = words.count == 5
        guard isAsctime || words.count == 6 && words[5] == "gmt" else { return nil }
        let (day, month, year, time) =
            isAsctime ? (words[2], words[1], words[4], words[3]) : (words[1], words[2], words[3], words[4])
        guard let number = months.firstIndex(of: month), let day = Int(day), var whole = Int(year), day > 0 else { return nil }
        if year.count == 2 { whole += whole < 70 ? 2000 : 1900 }
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard (1...31).contains(day), (1970...9999).contains(whole), time.utf8.count == 8, clock.count == 3,
            (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...59).contains(clock[2])
        else { return nil }
        let padded = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
        return Timestamp(rfc3339: "\(whole)-\(padded(number + 1))-\(padded(day))T\(time)Z")
    }
}
