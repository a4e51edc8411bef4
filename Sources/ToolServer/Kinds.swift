internal import JobModel
internal import Synchronization

/// A kind of job as `GET /kinds` tells it.
struct KindInfo: Sendable {
    let name: String
    let summary: String
    let schema: JSONValue
    let estimatedSeconds: Double

    init?(_ document: JSONValue) {
        guard let name = document["kind"]?.string, let schema = document["input_schema"] else { return nil }
        self.name = name
        summary = document["summary"]?.string ?? name
        self.schema = schema
        estimatedSeconds = document["estimated_seconds"]?.number ?? 60
    }

    var fields: [String: JSONValue] { schema["properties"]?.object ?? [:] }

    /// Fields that are called as an option is.
    var fieldsLikeOptions: Set<String> { SubmissionFields.names.intersection(fields.keys) }

    /// Whether an argument of this name is part of the input: one of its fields, or, where the kind takes more than it names, no option.
    func takes(_ name: String) -> Bool {
        fields[name] != nil || (schema["additionalProperties"] != false && !SubmissionFields.names.contains(name))
    }
}

/// The tools there are. Which kinds are among them is asked of the API at most every two seconds: one that was registered meanwhile is a tool
/// then. Nothing in the table is any caller's own, so one serves all.
final class KnownTools: Sendable {
    private static let freshFor = Duration.seconds(2)
    /// Kinds that the program itself submits.
    private static let internalKinds: Set = ["webhook"]

    private let kept = Mutex<(answer: JSONValue, table: ToolTable, at: ContinuousClock.Instant)?>(nil)

    /// What was known last where the API cannot say. A new table is made only of news.
    func table(_ door: any APIDoor) async throws(ToolFault) -> ToolTable {
        let known = kept.withLock { $0 }
        if let known, ContinuousClock.now - known.at < KnownTools.freshFor { return known.table }
        do throws(ToolFault) {
            let answer = try await ToolCall(arguments: [:], door: door, kinds: []).get("kinds")
            if let known, known.answer == answer {
                kept.withLock { $0 = (answer, known.table, .now) }
                return known.table
            }
            let kinds = (answer["kinds"]?.array ?? []).compactMap(KindInfo.init).filter { !KnownTools.internalKinds.contains($0.name) }
            let table = ToolTable(kinds)
            kept.withLock { $0 = (answer, table, .now) }
            return table
        } catch {
            if let known { return known.table }
            throw error
        }
    }
}
