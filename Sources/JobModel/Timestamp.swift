internal import Glibc

/// A moment in milliseconds since 1970, UTC: the unit of every time in Redis and on the wire.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Reads an RFC 3339 time such as `2026-11-21T09:30:00Z` or `…00.250+01:00`; anything else is nil, also a day that its month does not have.
    /// What is finer than a millisecond is cut off; a leap second is the second after it.
    package init?(rfc3339 text: String) {
        var reader = TimeReader(text)
        guard let days = reader.days(), reader.take("Tt") != nil, let time = reader.timeOfDay(), let offset = reader.offset(),
            reader.isAtEnd
        else { return nil }
        milliseconds = days * 86_400_000 + time - offset
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    package func advanced(byMilliseconds delta: Int64) -> Timestamp {
        Timestamp(milliseconds: milliseconds.addingReportingOverflow(delta).partialValue)
    }

    package var startOfSecond: Timestamp {
        Timestamp(milliseconds: floorDivide(milliseconds, 1000) * 1000)
    }

    /// RFC 3339 with milliseconds, UTC. Written digit by digit: it is part of every event.
    package var description: String {
        let day = floorDivide(milliseconds, 86_400_000)
        let rest = milliseconds - day * 86_400_000
        let date = CivilDate(daysSince1970: day)
        guard (0...9999).contains(date.year) else { return "\(date.year)-\(date.month)-\(date.day)T00:00:00.000Z" }
        let parts: [(Int64, Int, UInt8)] = [
            (date.year, 4, UInt8(ascii: "-")), (Int64(date.month), 2, UInt8(ascii: "-")), (Int64(date.day), 2, UInt8(ascii: "T")),
            (rest / 3_600_000, 2, UInt8(ascii: ":")), (rest / 60_000 % 60, 2, UInt8(ascii: ":")), (rest / 1000 % 60, 2, UInt8(ascii: ".")),
            (rest % 1000, 3, UInt8(ascii: "Z")),
        ]
        return String(unsafeUninitializedCapacity: 24) { text in
            var place = 0
            for (value, width, end) in parts {
                var left = value
                for digit in stride(from: place + width - 1, through: place, by: -1) {
                    text[digit] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left % 10)
                    left /= 10
                }
                text[place + width] = end
                place += width + 1
            }
            return place
        }
    }
}
