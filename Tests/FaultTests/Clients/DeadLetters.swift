import JobModel
import TestServers

/// Jobs that fail for good the first time, and are retried by their client: one by one, or all that match.
extension Load {
    func sendMended(_ number: Int, _ random: inout SeededRandom) async throws {
        let order = Order.order("mending", &random).kept
        let key = "\(name)-mended-\(number)"
        var body = order.body.object ?? [:]
        body["subject"] = .string(name)
        let answer = try await door.insist("POST", "/jobs", .object(body), key: key)
        guard let id = answer.body["job_id"]?.string else { throw Door.Refused(answer: answer) }
        book.accept(id, order)
        let retriesAll = random.isTrue(percent: 30)
        while true {
            switch await door.state(of: id) {
            case "completed": return
            case "failed": try await retriesAll ? retryAll() : retry(id)
            // In the long run a job of low priority waits behind a backlog for minutes.
            case let state: try await eventually(within: .seconds(Trial.isLong ? 600 : 90)) { await door.state(of: id) != state }
            }
        }
    }

    /// Somebody else may have retried it, and it may have completed meanwhile.
    private func retry(_ id: String) async throws {
        do {
            try await door.insist("POST", "/jobs/\(id)/retry")
        } catch let refused as Door.Refused where refused.answer.problem == "not-retryable" {
            return
        }
    }

    private func retryAll() async throws {
        let found = try await door.insist("POST", "/dead-letters/retry", ["subject": .string(name)])
        guard let send = found.body["send"], found.body["matching"] != 0 else { return }
        do {
            try await door.insist("POST", "/dead-letters/retry", send)
        } catch let refused as Door.Refused where refused.answer.problem == "other-count" {
            return
        }
    }
}
