internal import JobModel
internal import Synchronization

/// Tells a client how far its call is, under the token that it gave. The numbers grow with every word, as the protocol wants it.
final class ProgressTeller: Sendable {
    private static let total = 100.0
    /// How much a word is worth that comes without progress.
    private static let step = 0.01

    private let token: JSONValue
    private let send: @Sendable (JSONValue) -> Void
    private let last = Mutex<(progress: Double, message: String?)?>(nil)

    init(_ token: JSONValue, _ send: @escaping @Sendable (JSONValue) -> Void) {
        self.token = token
        self.send = send
    }

    /// Said again, or behind what was said, it is not told.
    func tell(_ progress: Double, _ message: String?) {
        let told: Double? = last.withLock { last in
            guard let before = last else {
                last = (max(0, progress), message)
                return max(0, progress)
            }
            let isNews = progress > before.progress || (message != nil && message != before.message)
            let next = max(progress, before.progress + ProgressTeller.step)
            guard isNews, next <= ProgressTeller.total else { return nil }
            last = (next, message)
            return next
        }
        guard let told else { return }
        var params: [String: JSONValue] = ["progressToken": token, "progress": .number(told), "total": .number(ProgressTeller.total)]
        params["message"] = message.map(JSONValue.string)
        send(["jsonrpc": "2.0", "method": "notifications/progress", "params": .object(params)])
    }

    /// What an event of a job says of its progress.
    func tell(_ event: JSONValue) {
        let name = event["event"]?.string ?? ""
        guard let progress = event["progress"]?.number ?? last.withLock({ $0?.progress }) ?? Optional(0) else { return }
        tell(progress, event["message"]?.string ?? event["step"]?.string ?? name)
    }
}
