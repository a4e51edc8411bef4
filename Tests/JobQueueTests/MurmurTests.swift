import JobModel
import JobQueue
import Testing

/// Token events: told to those who listen, never numbered or stored.
@Suite(.timeLimit(.minutes(1))) struct MurmurTests {
    private let token = JobEvent(.token, ["text": "Hel", "source": "m"])

    @Test func tokensReachThoseWhoWantThemWithoutANumber() async throws {
        let fixture = try await QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let all = try await fixture.queue.watch(job.id, after: nil, withTokens: true)
        let numbered = try await fixture.queue.watch(job.id, after: nil)
        var seen: [WatchedEvent] = []
        for try await event in all {
            seen.append(event)
            guard event.name == "started" else { continue }
            // Who has caught up hears what follows.
            #expect(try await fixture.queue.murmur([token, token], of: claim))
            _ = try await fixture.queue.settle(claim, as: .completed([:]))
        }
        #expect(seen.map(\.sequence) == [1, 2, nil, nil, 3])
        #expect(try JSONReader.read(seen.first { $0.name == "token" }?.json ?? "")["text"] == "Hel")
        var names: [String] = []
        for try await event in numbered { names.append(event.name) }
        #expect(names == ["queued", "started", "completed"])
    }

    @Test func anAttemptThatLostTheJobIsNotHeard() async throws {
        let fixture = try await QueueFixture()
        try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let stale = Claim(job: claim.job, attempt: 7, worker: claim.worker, stream: claim.stream, entry: claim.entry)
        #expect(try await !fixture.queue.murmur([token], of: stale))
        _ = try await fixture.queue.settle(claim, as: .completed([:]))
        #expect(try await !fixture.queue.murmur([token], of: claim))
    }
}
