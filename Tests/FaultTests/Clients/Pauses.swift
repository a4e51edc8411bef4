import RedisWire
import TestServers

/// An operator who pauses a queue and resumes it. Between the two answers nobody may take a job of it, but where commands to Redis are late:
/// what the leader brings in line may have been decided before.
extension Load {
    func pauseAndResume(_ random: inout SeededRandom) async throws {
        try await door.insist("POST", "/queues/halting/pause")
        let begin = Effect.now()
        let before = try? await attemptsOfHalting()
        try await Task.sleep(for: .milliseconds(Int.random(in: 100...400, using: &random)))
        let after = try? await attemptsOfHalting()
        if let before, let after {
            for (id, attempts) in after where attempts > before[id] ?? attempts {
                book.note(
                    wrong: "\(id) was taken from a paused queue: \(attempts) attempts after \(before[id] ?? 0)",
                    unlessLostDuring: begin...Effect.now(), orOutage: true)
            }
        }
        try await door.insist("POST", "/queues/halting/resume")
    }

    private func attemptsOfHalting() async throws -> [String: Int64] {
        let ids = book.accepted.filter { $0.value.kind == "halting" }.map(\.key)
        // A job's only attempt is told by its lease alone.
        let replies = try await fleet.redis.pipeline(ids.map { ["HMGET", .string("job:\($0)"), "attempt", "lease"] })
        let attempts = replies.map { reply in reply.array?.first?.integer ?? (reply.array?.last?.string?.isEmpty == false ? 1 : 0) }
        return Dictionary(zip(ids, attempts)) { $1 }
    }
}
