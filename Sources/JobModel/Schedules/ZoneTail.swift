/// What holds for ever after a zone file's last entry: a POSIX TZ string such as `CET-1CEST,M3.5.0,M10.5.0/3`, with the RFC 8536 extension
/// of hours from -167 to 167.
struct ZoneTail: Hashable, Sendable {
    /// A day of the year, by one of POSIX' three rules, and seconds after its midnight.
    struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            case julianWithoutLeapDay(Int)
            case dayOfYear(Int)
            /// The week 5 is the last one.
            case weekday(month: Int, week: Int, weekday: Int)
        }

        let day: Day
        let seconds: Int64
    }

    private struct Summer: Hashable, Sendable {
        let offset: Int64
        let begins: Change
        let ends: Change
    }

    private let standard: Int64
    private let summer: Summer?

    init?(posix text: String) {
        var reader = PosixReader(text)
        guard reader.skipName(), let west = reader.time(hours: 24) else { return nil }
        standard = -west
        if reader.isAtEnd {
            summer = nil
            return
        }
        guard reader.skipName() else { return nil }
        var offset = standard + 3600
        if !reader.isNext(",") {
            guard let west = reader.time(hours: 24) else { return nil }
            offset = -west
        }
        guard let begins = reader.change(), let ends = reader.change(), reader.isAtEnd else { return nil }
        summer = Summer(offset: offset, begins: begins, ends: ends)
    }

    func span(at moment: Int64) -> ZoneRules.Span {
        guard let summer else { return ZoneRules.Span(start: nil, end: nil, offset: standard, previousOffset: standard) }
        let changes = changes(around: moment, summer)
        let next = changes.firstIndex { $0.moment > moment } ?? changes.count - 1
        return ZoneRules.Span(
            start: changes[next - 1].moment, end: changes[next].moment, offset: changes[next - 1].offset,
            previousOffset: changes[next - 2].offset)
    }

    /// From two years before to two years after, in order: enough to have two changes before any moment of the year and one after it.
    private func changes(around moment: Int64, _ summer: Summer) -> [(moment: Int64, offset: Int64)] {
        let year = CivilDate(daysSince1970: floorDivide(moment, 86_400)).year
        let all = (year - 2...year + 2).flatMap { year in
            [
                (moment: summer.begins.wallSecond(in: year) - standard, offset: summer.offset),
                (moment: summer.ends.wallSecond(in: year) - summer.offset, offset: standard),
            ]
        }
        return all.sorted { ($0.moment, $0.offset) < ($1.moment, $1.offset) }
    }
}

extension ZoneTail.Change {
    /// The wall clock's second since 1970 at which it happens.
    fileprivate func wallSecond(in year: Int64) -> Int64 {
        dayNumber(in: year) * 86_400 + seconds
    }

    private func dayNumber(in year: Int64) -> Int64 {
        let newYear = CivilDate(year: year, month: 1, day: 1)
        switch day {
        case .julianWithoutLeapDay(let number):
            return newYear.daysSince1970 + Int64(number - 1) + (newYear.isLeapYear && number >= 60 ? 1 : 0)
        case .dayOfYear(let number): return newYear.daysSince1970 + Int64(number)
        case .weekday(let month, let week, let weekday):
            let first = CivilDate(year: year, month: month, day: 1)
            let toWeekday = (weekday - CivilDate.weekday(ofDay: first.daysSince1970) + 7) % 7
            let day = toWeekday + (week - 1) * 7
            return first.daysSince1970 + Int64(day < first.lengthOfMonth ? day : day - 7)
        }
    }
}

/// Takes a POSIX TZ string apart from left to right.
private struct PosixReader {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    func isNext(_ character: Character) -> Bool {
        rest.first == character.asciiValue
    }

    private mutating func take(_ character: Character) -> Bool {
        guard isNext(character) else { return false }
        rest.removeFirst()
        return true
    }

    /// At least three letters, or anything in angle brackets.
    mutating func skipName() -> Bool {
        if take("<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[end...].dropFirst()
            return true
        }
        let letters = rest.prefix { (0x41...0x5a).contains($0 & 0xdf) }
        rest = rest.dropFirst(letters.count)
        return letters.count >= 3
    }

    private mutating func number(_ range: ClosedRange<Int64>) -> Int64? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count), let value = Int64(String(Substring(digits))), range.contains(value) else { return nil }
        rest = rest.dropFirst(digits.count)
        return value
    }

    /// `[+|-]hours[:minutes[:seconds]]`, in seconds.
    mutating func time(hours limit: Int64) -> Int64? {
        let sign: Int64 = take("-") ? -1 : 1
        if sign == 1 { _ = take("+") }
        guard let hours = number(0...limit) else { return nil }
        var seconds = hours * 3600
        for unit: Int64 in [60, 1] where take(":") {
            guard let part = number(0...59) else { return nil }
            seconds += part * unit
        }
        return sign * seconds
    }

    /// `,Mm.w.d`, `,Jn` or `,n`, with `/time`; 02:00 without it.
    mutating func change() -> ZoneTail.Change? {
        guard take(","), let day = day() else { return nil }
        guard take("/") else { return ZoneTail.Change(day: day, seconds: 7200) }
        return time(hours: 167).map { ZoneTail.Change(day: day, seconds: $0) }
    }

    private mutating func day() -> ZoneTail.Change.Day? {
        if take("J") { return number(1...365).map { .julianWithoutLeapDay(Int($0)) } }
        guard take("M") else { return number(0...365).map { .dayOfYear(Int($0)) } }
        guard let month = number(1...12), take("."), let week = number(1...5), take("."), let weekday = number(0...6) else { return nil }
        return .weekday(month: Int(month), week: Int(week), weekday: Int(weekday))
    }
}
