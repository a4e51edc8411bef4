import RedisWire

/// An operator who pauses a queue and resumes it. Between the two answers nobody may take a job of it.
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
                    unlessLostDuring: begin...Effect.now())
            }
        }
        try await door.insist("POST", "/queues/halting/resume")
    }

    private func attemptsOfHalting() async throws -> [String: Int64] {
        let ids = book.accepted.filter { $0.value.kind == "halting" }.map(\.key)
        let replies = try await fleet.redis.pipeline(ids.map { ["HGET", .string("job:\($0)"), "attempt"] })
        return Dictionary(zip(ids, replies.map { $0.string.flatMap { Int64($0) } ?? 0 })) { $1 }
    }
}
