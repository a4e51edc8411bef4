import JobDesk
import JobModel
import JobQueue
import TestServers
import Testing

/// A worker that does exactly what the test says, one call at a time, over the same desk as the API.
struct HandWorker: Sendable {
    let desk: JobDesk
    let name = "w\(JobID())"

    init(_ api: RunningAPI) async throws {
        desk = api.desk
        let card = WorkerCard(name: name, host: "test", processID: 1, version: "1", queues: desk.catalogue.queues, slots: 2)
        #expect(try await desk.queue.beat(card, running: 0) == .registered)
        let waiter = desk.queue.waiter()
        try await waiter.createGroups(streams)
        await waiter.close()
    }

    /// A sign of life: without one for some seconds, as on a busy machine, it counts as dead.
    func beat() async throws {
        let card = WorkerCard(name: name, host: "test", processID: 1, version: "1", queues: desk.catalogue.queues, slots: 2)
        _ = try await desk.queue.beat(card, running: 0)
    }

    private var streams: [String] { desk.queue.keys.streams(desk.catalogue.queues) }

    /// Claims the next job, as soon as there is one, and starts its attempt.
    func startNext() async throws -> Claim {
        var claims: [Claim] = []
        try await eventually {
            guard case .claimed(let claimed) = try await desk.queue.claim(for: name, from: streams, count: 1) else { return false }
            claims = claimed.claims
            return !claims.isEmpty
        }
        let claim = try #require(claims.first)
        guard case .go = try await desk.start(claim) else { throw Unexpected(what: "the start was refused") }
        return claim
    }

    func progress(_ percent: Double, of claim: Claim) async throws {
        let progress = JobProgress(percent: percent, step: "fetch", message: "page \(Int(percent))")
        let event = JobEvent(.progress, ["progress": .number(percent), "step": "fetch", "message": .string(progress.message)])
        #expect(try await desk.queue.report(event, progress: progress, of: claim) != .lost)
    }

    func finish(_ claim: Claim, as outcome: JobOutcome) async throws {
        #expect(try await desk.finish(claim, as: outcome) == .settled)
    }
}

struct Unexpected: Error {
    let what: String
}
