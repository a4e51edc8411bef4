internal import FoundationEssentials

/// A time zone: how far its clocks are from UTC, and when that changes. Read from the system's database (package tzdata), not from ICU.
/// `ZoneFile` reads the file, `ZoneTail` knows the times after its last entry.
package struct ZoneRules: Hashable, Sendable {
    /// A time of one offset, in seconds since 1970; open where the rules begin or end.
    package struct Span: Hashable, Sendable {
        package let start: Int64?
        package let end: Int64?
        /// Seconds east of UTC.
        package let offset: Int64
        package let previousOffset: Int64
    }

    package static let utc = ZoneRules(name: "UTC", changes: [], offsets: [0], tail: nil)
    package static let directory = "/usr/share/zoneinfo"

    package let name: String
    /// Moments at which the offset may change, ascending.
    let changes: [Int64]
    /// The offset before the first change, then that after each.
    let offsets: [Int64]
    let tail: ZoneTail?

    /// The rules of an IANA zone such as `Europe/Berlin`. `UTC` needs no database. Cost: a file of a few KiB is read.
    package static func named(_ name: String, in directory: String = ZoneRules.directory) throws(ZoneError) -> ZoneRules {
        if name == "UTC" { return .utc }
        guard isName(name) else { throw ZoneError(detail: "must be the name of a time zone such as Europe/Berlin") }
        guard FileManager.default.fileExists(atPath: directory) else {
            throw ZoneError(detail: "cannot be looked up: install the package tzdata, or use UTC")
        }
        guard let data = FileManager.default.contents(atPath: "\(directory)/\(name)") else {
            throw ZoneError(detail: "is not known; write the name of a time zone such as Europe/Berlin, in the spelling of the IANA")
        }
        return try ZoneFile.read(Array(data.prefix(ZoneFile.maxBytes + 1)), name: name)
    }

    /// Letters, digits, `_ + -` in at most four parts that begin with an upper-case letter: no path leaves the directory, and its other
    /// files (`tzdata.zi`, `right/…`) are no zones.
    private static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isUpper = { (part: Substring) in part.utf8.first.map { (0x41...0x5a).contains($0) } ?? false }
        return name.utf8.count <= 64 && parts.count <= 4 && parts.allSatisfy(isUpper)
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "/_+-".utf8.contains(byte)
            }
    }

    /// Seconds east of UTC at a moment.
    package func offset(at moment: Int64) -> Int64 {
        span(at: moment).offset
    }

    package func span(at moment: Int64) -> Span {
        let place = changes.partition(upTo: moment)
        guard place == changes.count, let tail else {
            return Span(
                start: place > 0 ? changes[place - 1] : nil, end: place < changes.count ? changes[place] : nil, offset: offsets[place],
                previousOffset: offsets[max(0, place - 1)])
        }
        let span = tail.span(at: moment)
        // The tail's rules hold from the last change on only.
        guard let last = changes.last, (span.start ?? .min) <= last else { return span }
        return Span(start: last, end: span.end, offset: span.offset, previousOffset: offsets[changes.count - 1])
    }
}

package struct ZoneError: Error, Hashable, Sendable {
    /// Goes on after the name of what it is about: "must be …".
    package let detail: String
}

extension [Int64] {
    /// How many elements of an ascending array are at most `value`.
    fileprivate func partition(upTo value: Int64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
