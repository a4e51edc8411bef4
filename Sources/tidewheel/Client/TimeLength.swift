/// Lengths of time on the command line: `90s`, `5m`, `2h`, `1d`, or seconds as a bare number.
import ArgumentParser
import JobModel

struct TimeLength: ExpressibleByArgument {
    let duration: Duration
    var seconds: Double { Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18 }

    /// As bodies have it: whole seconds without a fraction.
    var json: JSONValue { Int64(exactly: seconds).map(JSONValue.integer) ?? .number(seconds) }

    init?(argument: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        let unit = argument.last.flatMap { units[$0] }
        guard let number = Double(unit == nil ? argument : String(argument.dropLast())), number.isFinite, (0...1e9).contains(number) else {
            return nil
        }
        duration = .milliseconds(Int64(number * (unit ?? 1) * 1000))
    }
}
