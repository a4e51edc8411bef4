/// Takes an RFC 3339 time (5.6) apart, from the left. Strict: a calendar that is forgiving makes 2 March of 30 February.
struct TimeReader {
    private var rest: ArraySlice<UInt8>

    init(_ text: String) { rest = Array(text.utf8)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    /// The next byte, when it is one of these.
    mutating func take(_ allowed: String) -> UInt8? {
        guard let byte = rest.first, allowed.utf8.contains(byte) else { return nil }
        rest = rest.dropFirst()
        return byte
    }

    /// `2026-11-21`, in days since 1970.
    mutating func days() -> Int64? {
        guard let year = number(of: 4, 0...9999), take("-") != nil, let month = number(of: 2, 1...12), take("-") != nil,
            let day = number(of: 2, 1...31)
        else { return nil }
        let date = CivilDate(year: year, month: Int(month), day: Int(day))
        return date.day <= date.lengthOfMonth ? date.daysSince1970 : nil
    }

    /// `09:30:00` or `09:30:00.25`, in milliseconds.
    mutating func timeOfDay() -> Int64? {
        guard let hour = number(of: 2, 0...23), take(":") != nil, let minute = number(of: 2, 0...59), take(":") != nil,
            let second = number(of: 2, 0...60)
        else { return nil }
        let whole = ((hour * 60 + minute) * 60 + second) * 1000
        guard take(".") != nil else { return whole }
        let digits = rest.prefix(while: TimeReader.isDigit)
        guard !digits.isEmpty else { return nil }
        rest = rest.dropFirst(digits.count)
        return whole + TimeReader.value(digits.prefix(3) + repeatElement(0x30, count: max(0, 3 - digits.count)))
    }

    /// `Z`, `+01:00` or `-05:30`, in milliseconds east of Greenwich.
    mutating func offset() -> Int64? {
        guard let sign = take("Zz+-") else { return nil }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return 0 }
        guard let hour = number(of: 2, 0...23), take(":") != nil, let minute = number(of: 2, 0...59) else { return nil }
        return (hour * 60 + minute) * (sign == UInt8(ascii: "-") ? -60_000 : 60_000)
    }

    /// A number of exactly so many digits.
    private mutating func number(of count: Int, _ range: ClosedRange<Int64>) -> Int64? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(TimeReader.isDigit) else { return nil }
        rest = rest.dropFirst(count)
        let value = TimeReader.value(digits)
        return range.contains(value) ? value : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func value(_ digits: some Sequence<UInt8>) -> Int64 { digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) } }
}
