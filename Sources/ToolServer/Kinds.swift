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
}

/// The kinds there are, asked of the API at most every two seconds: one that was registered meanwhile is a tool then.
/// Nothing in it is any caller's own, so one memory serves all.
final class KnownKinds: Sendable {
    private static let freshFor = Duration.seconds(2)
    /// Kinds that the program itself submits.
    private static let internalKinds: Set = ["webhook"]

    private let kept = Mutex<(kinds: [KindInfo], at: ContinuousClock.Instant)?>(nil)

    /// What was known last where the API cannot say.
    func current(_ door: any APIDoor) async throws(ToolFault) -> [KindInfo] {
        let known = kept.withLock { $0 }
        if let known, ContinuousClock.now - known.at < KnownKinds.freshFor { return known.kinds }
        do throws(ToolFault) {
            let answer = try await ToolCall(arguments: [:], door: door, kinds: []).get("kinds")
            let kinds = (answer["kinds"]?.array ?? []).compactMap(KindInfo.init).filter { !KnownKinds.internalKinds.contains($0.name) }
            kept.withLock { $0 = (kinds, .now) }
            return kinds
        } catch {
            if let known { return known.kinds }
            throw error
        }
    }
}
