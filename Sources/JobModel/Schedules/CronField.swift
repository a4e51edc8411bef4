/// One of the fields of a cron expression: its name, the values it may have, and how it is read.
struct CronField {
    let name: String
    let range: ClosedRange<Int>
    /// Words for values, the first for `range.lowerBound`.
    var words: [String] = []
    /// `?` stands for `*`: where days are concerned.
    var takesQuestionMark = false

    static let second = CronField(name: "second", range: 0...59)
    static let minute = CronField(name: "minute", range: 0...59)
    static let hour = CronField(name: "hour", range: 0...23)
    static let day = CronField(name: "day of month", range: 1...31, takesQuestionMark: true)
    static let month = CronField(
        name: "month", range: 1...12, words: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
    /// 0 and 7 are Sunday.
    static let weekday = CronField(
        name: "day of week", range: 0...7, words: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], takesQuestionMark: true)

    /// The values that a list such as `1-5,10,*/20` admits.
    func read(_ text: some StringProtocol) throws(CronError) -> CronValues {
        var values = CronValues()
        for item in text.split(separator: ",", omittingEmptySubsequences: false) { values.formUnion(try readItem(String(item))) }
        return values
    }

    private func readItem(_ item: String) throws(CronError) -> CronValues {
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let step = parts.count == 2 ? try readStep(parts[1]) : 1
        let base = parts[0]
        if base == "*" || base == "?" && takesQuestionMark { return CronValues(range, step: step) }
        let ends = base.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count) else { throw refusal("\(quoted(item)) is no value, range or step") }
        let low = try readValue(ends[0])
        guard ends.count == 2 else { return CronValues(low...(parts.count == 2 ? range.upperBound : low), step: step) }
        let high = try readValue(ends[1], isEnd: true)
        guard low <= high else { throw refusal("the range \(quoted(item)) ends before it begins") }
        return CronValues(low...high, step: step)
    }

    /// A number, or a word; as the end of a range SUN is 7, so that FRI-SUN is the weekend.
    private func readValue(_ text: Substring, isEnd: Bool = false) throws(CronError) -> Int {
        let word = text.uppercased()
        let place = isEnd ? words.lastIndex(of: word) : words.firstIndex(of: word)
        if let place { return range.lowerBound + place }
        guard let value = CronField.number(text), range.contains(value) else { throw refusal("\(quoted(text)) is not allowed") }
        return value
    }

    private func readStep(_ text: Substring) throws(CronError) -> Int {
        guard let step = CronField.number(text), step >= 1, step <= range.upperBound else {
            throw CronError(field: name, detail: "the step \(quoted(text)) is not allowed; steps are 1 to \(range.upperBound)")
        }
        return step
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private func refusal(_ what: String) -> CronError {
        let allowed = words.isEmpty ? "" : " or \(words[0]) to \(words[words.count - (name == CronField.weekday.name ? 2 : 1)])"
        return CronError(field: name, detail: "\(what); values are \(range.lowerBound) to \(range.upperBound)\(allowed)")
    }

    private func quoted(_ text: some StringProtocol) -> String {
        String(text.prefix(40)).debugDescription
    }
}

/// Values of a field, one bit each.
struct CronValues: Hashable, Sendable {
    private(set) var bits: UInt64 = 0

    init() {}

    init(_ range: ClosedRange<Int>, step: Int) {
        for value in stride(from: range.lowerBound, through: range.upperBound, by: step) { bits |= 1 << UInt64(value) }
    }

    var isEmpty: Bool { bits == 0 }
    /// The smallest value; asked of sets that are not empty.
    var first: Int { bits.trailingZeroBitCount }

    mutating func formUnion(_ other: CronValues) {
        bits |= other.bits
    }

    func contains(_ value: Int) -> Bool {
        bits >> UInt64(value) & 1 == 1
    }

    /// The smallest value that is at least `value`.
    func next(from value: Int) -> Int? {
        let rest = value < 64 ? bits >> UInt64(value) : 0
        return rest == 0 ? nil : value + rest.trailingZeroBitCount
    }
}
