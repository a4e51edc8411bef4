/// Jobs that do nothing but be counted: what is left is the engine. They exist in processes that a bench started, and nowhere else.
package import JobModel

package struct Noop: JobHandler {
    package let kind: JobKind
    private let tally: Tally

    static let queue = "bench"
    private static let padding = String(repeating: "x", count: 65_536)
    static let unrecorded = kind("noop", isRecorded: false)
    static let recorded = kind("noop_recorded", isRecorded: true)

    package static func handlers(_ tally: Tally) -> [any JobHandler] {
        [Noop(kind: unrecorded, tally: tally), Noop(kind: recorded, tally: tally)]
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        guard let number = context.input["number"]?.integer, tally.ran(number, timed: context.input["timed"] == true) else {
            throw .permanent("The job's number is not in the tally", type: "not_in_tally")
        }
        return [:]
    }

    /// About `bytes` of JSON.
    static func input(_ number: Int, timed: Bool, bytes: Int) -> JSONValue {
        var members: [String: JSONValue] = ["number": .integer(Int64(number))]
        if timed { members["timed"] = true }
        let frame = #"{"number":,"padding":""}"#.utf8.count + (timed ? #""timed":true,"#.utf8.count : 0)
        members["padding"] = .string(String(padding.prefix(max(0, bytes - frame - String(number).utf8.count))))
        return .object(members)
    }

    private static func kind(_ name: String, isRecorded: Bool) -> JobKind {
        JobKind(
            name: name, summary: "Does nothing, for measuring.", queue: queue,
            input: InputShape([
                .init("number", .integer(0...Int(Int32.max)), required: true, "Its place in the tally."),
                .init("timed", .boolean, "Whether the moment of its start is noted."),
                .init("padding", .text(maxLength: 65_536), "Makes it as large as a real one."),
            ]), isRecorded: isRecorded, estimatedMilliseconds: 1)
    }
}
