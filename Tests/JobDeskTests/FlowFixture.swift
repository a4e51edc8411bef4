import JobDesk
import JobLedger
import JobModel
import JobQueue
import RedisWire
import Testing

extension DeskFixture {
    /// Crawls by name, each with its parents.
    func flow(
        _ nodes: KeyValuePairs<String, [String]>, policy: FlowPlace.ParentFailure = .cancel, key: String? = nil, kind: String = "web_crawl"
    ) -> FlowRequest {
        var flow = FlowRequest(
            nodes.map { .init(name: $0.key, request: request(kind), dependsOn: $0.value, onParentFailure: policy) })
        flow.idempotency = key.map {
            IdempotencyKey(scope: "/flows", key: $0, fingerprint: Digest.sha256("\(nodes.map { "\($0)" })"))
        }
        return flow
    }

    /// What can be claimed now, by its names in the flow.
    func claims(by worker: String = "w1", count: Int = 100) async throws -> [String: Claim] {
        try await beat(worker)
        guard
            case .claimed(let claimed) = try await desk.queue.claim(
                for: worker, from: desk.queue.keys.streams(["ingest"], StreamLevel.ordinary), count: count)
        else { return [:] }
        var claims: [String: Claim] = [:]
        for claim in claimed.claims {
            guard case .go = try await desk.start(claim) else { continue }
            claims[try await desk.ledger.job(claim.job.id)?.flow?.name ?? "?"] = claim
        }
        return claims
    }

    func finish(_ claim: Claim?, as outcome: JobOutcome = .completed([:])) async throws {
        #expect(try await desk.finish(try #require(claim), as: outcome) == .settled)
    }

    /// Runs what can be claimed until there is nothing; returns the names in the order in which they were claimed, each batch sorted.
    func runAll(by worker: String = "w1") async throws -> [[String]] {
        var batches: [[String]] = []
        while true {
            let claims = try await claims(by: worker)
            if claims.isEmpty { return batches }
            for name in claims.keys.sorted() { try await finish(claims[name]) }
            batches.append(claims.keys.sorted())
        }
    }

    func state(_ id: JobID?) async throws -> JobState? {
        try await desk.queue.job(try #require(id))?.state
    }
}
