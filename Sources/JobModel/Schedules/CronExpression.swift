/// When a schedule fires: `30 2 * * MON-FRI`, the same with seconds in front, `@daily`, or `@every 90s`.
/// docs/http-api.md tells the syntax; `CronClock` knows the wall clock, `ZoneRules` what it shows when.
package struct CronExpression: Hashable, Sendable {
    private enum Rhythm: Hashable, Sendable {
        case clock(CronClock)
        case every(seconds: Int64)
    }

    package let text: String
    private let rhythm: Rhythm

    package static let maxLength = 200
    /// Every combination of day and weekday comes within 40 years, turns of centuries included.
    private static let horizonSeconds: Int64 = 40 * 366 * 86_400

    private static let names = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    /// Throws what is wrong, and for times that never come (`30 2 30 2 *`) that they never do.
    package init(_ text: String) throws(CronError) {
        guard text.utf8.count <= CronExpression.maxLength else {
            throw CronError(field: nil, detail: "it is longer than \(CronExpression.maxLength) bytes")
        }
        let words = text.split { $0 == " " || $0 == "\t" }
        self.text = words.joined(separator: " ")
        if words.first?.lowercased() == "@every" {
            rhythm = .every(seconds: try CronInterval.seconds(words.dropFirst()))
            return
        }
        let clock = try CronClock(try CronExpression.fields(words))
        guard clock.first(from: 0, before: CronExpression.horizonSeconds) != nil else {
            throw CronError(field: "day of month", detail: "none of these months has such a day: the time never comes")
        }
        rhythm = .clock(clock)
    }

    private static func fields(_ words: [Substring]) throws(CronError) -> [Substring] {
        guard let first = words.first, first.hasPrefix("@") else { return words }
        guard words.count == 1, let meaning = names[first.lowercased()] else {
            let known = names.keys.sorted().joined(separator: ", ")
            throw CronError(field: nil, detail: "\(String(first.prefix(40)).debugDescription) is not known; there are \(known) and @every")
        }
        return meaning.split(separator: " ")
    }

    /// The first fire time after a moment; nil when there is none in 40 years. `@every` counts from `anchor`, so that a late run moves no other.
    ///
    /// Where clocks change: a time that does not exist fires once, right after the gap; one that exists twice fires the first time only.
    /// Schedules of every hour (`*`) keep to real time instead, and with `*` in hour or minute repeated times fire again.
    package func next(after moment: Timestamp, in zone: ZoneRules, anchor: Timestamp) -> Timestamp? {
        switch rhythm {
        case .every(let seconds): return CronInterval.next(after: moment, every: seconds * 1000, from: anchor)
        case .clock(let clock):
            let second = floorDivide(moment.milliseconds, 1000)
            return CronExpression.next(after: second, of: clock, in: zone).map { Timestamp(milliseconds: $0 * 1000) }
        }
    }

    /// The next `count` fire times; fewer where time ends.
    package func next(_ count: Int, after moment: Timestamp, in zone: ZoneRules, anchor: Timestamp) -> [Timestamp] {
        var times: [Timestamp] = []
        while times.count < count, let time = next(after: times.last ?? moment, in: zone, anchor: anchor) { times.append(time) }
        return times
    }

    private static func next(after second: Int64, of clock: CronClock, in zone: ZoneRules) -> Int64? {
        var moment = second + 1
        let horizon = moment + horizonSeconds
        while moment < horizon {
            let span = zone.span(at: moment)
            let end = min(span.end ?? horizon, horizon)
            if let found = clock.first(in: span, from: moment, before: end) { return found }
            moment = end
        }
        return nil
    }
}

extension CronClock {
    /// Within a time of constant offset, whose beginning may be the end of a gap, or show hours for the second time.
    fileprivate func first(in span: ZoneRules.Span, from moment: Int64, before end: Int64) -> Int64? {
        var wall = moment + span.offset
        if let start = span.start {
            let resumed = start + span.previousOffset
            if moment == start, !hasEveryHour, first(from: resumed, before: wall) != nil { return moment }
            if !repeats { wall = max(wall, resumed) }
        }
        return first(from: wall, before: end + span.offset).map { $0 - span.offset }
    }
}

/// `@every`: real time, whatever clocks show.
enum CronInterval {
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    private static let longest: Int64 = 366 * 86_400

    /// `90s`, `5m`, `1h30m`, `2d`.
    static func seconds(_ words: ArraySlice<Substring>) throws(CronError) -> Int64 {
        let refusal = CronError(field: nil, detail: "@every takes a time from 1s to 366d such as 90s, 5m, 1h30m or 2d")
        guard words.count == 1, var rest = words.first else { throw refusal }
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            guard (1...8).contains(digits.utf8.count), let number = Int64(digits), let unit = rest.dropFirst(digits.count).first,
                let length = units[unit]
            else { throw refusal }
            total += number * length
            rest = rest.dropFirst(digits.count + 1)
        }
        guard (1...longest).contains(total) else { throw refusal }
        return total
    }

    /// The first of `anchor + interval`, `anchor + 2 × interval` … after the moment.
    static func next(after moment: Timestamp, every interval: Int64, from anchor: Timestamp) -> Timestamp {
        let passed = max(0, floorDivide(moment.milliseconds - anchor.milliseconds, interval))
        return anchor.advanced(byMilliseconds: (passed + 1) * interval)
    }
}

/// What is wrong with an expression: which field, and what is allowed there.
package struct CronError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nil: the expression as a whole.
    package let field: String?
    package let detail: String

    package var description: String { field.map { "\($0): \(detail)" } ?? detail }
}
